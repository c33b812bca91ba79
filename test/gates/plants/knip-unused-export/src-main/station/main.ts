import { used } from '../lib/base/knip-unused-export.ts';

process.exitCode = used;
