import { used } from '../lib/base/knip-unused-type.ts';

process.exitCode = used;
