/** Fills in the connection strings that are given by file, and tells of those that stand on the command line. */
import type { Log } from '../lib/base/log.ts';
import { type Result, ok } from '../lib/base/result.ts';
import { readSecretLines } from '../lib/process/secret-lines.ts';
import type { StationConfig } from './config.ts';

export async function withSecretFiles(config: StationConfig, log: Log): Promise<Result<StationConfig>> {
  const { 'connection-string-file': file, 'hub-connection-string-file': hubFile } = config;
  const plainHubs = config['hub-connection-string'];
  if (config['connection-string'] !== undefined) warn('--connection-string', log);
  if (plainHubs.length > 0) warn('--hub-connection-string', log);
  const own = file === undefined ? ok([]) : await readSecretLines('--connection-string-file', file);
  if (!own.ok) return own;
  const hubs = hubFile === undefined ? ok([]) : await readSecretLines('--hub-connection-string-file', hubFile);
  if (!hubs.ok) return hubs;
  const [connectionString = config['connection-string']] = own.value;
  return ok({
    ...config,
    ...(connectionString === undefined ? {} : { 'connection-string': connectionString }),
    'hub-connection-string': [...plainHubs, ...hubs.value],
  });
}

function warn(option: string, log: Log): void {
  const say = `Every user of this machine can read ${option} in the list of processes.`;
  log.warn('secret-in-plain-sight', { option, say, hint: `Give it by ${option}-file FILE.` });
}
