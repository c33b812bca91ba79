import { failed } from '../lib/base/result.ts';
import { stationFault } from './faults.ts';
export const createBatchReports = (_a: unknown, _b: string) => ({ write: async () => failed(stationFault('data-folder-in-use')) });
