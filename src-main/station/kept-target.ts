/** What units were last told of their service, kept on disk: runs go on while the service itself is not there. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { Log } from '../lib/base/log.ts';
import { systemCodeOf, writeDurable } from '../lib/files/durable-file.ts';
import { certificatesFromPem } from '../lib/x509/pem.ts';
import type { StationConfig } from './config.ts';
import type { Target } from './target.ts';

const Kept = z.object({
  embedded: z.boolean(),
  idScope: z.string().min(1),
  endpoint: z.string().min(1),
  caFile: z.string(),
  /** Absent for the system's own roots. */
  caPem: z.string().optional(),
  mqttsPort: z.int(),
});

/** As much of a target as a unit needs; nothing in it is a secret. */
export type UnitTarget = Pick<Target, keyof z.output<typeof Kept> | 'trustedRoots'>;

/** Undefined at the first start, for a file that cannot be read, and for another service than the configured one. */
export async function readKeptTarget(file: string, config: StationConfig): Promise<UnitTarget | undefined> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  const kept = text === undefined ? undefined : Kept.safeParse(parsedJson(text)).data;
  if (kept === undefined || !isConfigured(kept, config)) return undefined;
  const trustedRoots = kept.caPem === undefined ? [] : certificatesFromPem(kept.caPem);
  // A unit that lacks the roots it needs would pass, and never reach its service.
  if (kept.caPem !== undefined && trustedRoots.length === 0) return undefined;
  return { ...kept, caPem: kept.caPem, trustedRoots };
}

/** What cannot be kept is only missed at a start without the service: it is told, and nothing waits for it. */
export async function keepTarget(file: string, target: UnitTarget, log: Log): Promise<void> {
  const { embedded, idScope, endpoint, caFile, caPem, mqttsPort } = target;
  try {
    await writeDurable(file, `${JSON.stringify({ embedded, idScope, endpoint, caFile, caPem, mqttsPort })}\n`);
  } catch (error) {
    log.warn('target-not-kept', { reason: systemCodeOf(error) ?? String(error) });
  }
}

function isConfigured(kept: z.output<typeof Kept>, config: StationConfig): boolean {
  if (config['connection-string'] === undefined) return kept.embedded;
  return !kept.embedded && kept.idScope === config['id-scope'] && kept.endpoint === config.endpoint;
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
