/** The embedded provisioning service and its virtual hubs, as a child program that is kept running. */
import { z } from 'zod';
import type { Result } from '../../lib/base/result.ts';
import type { ProgramParts } from '../../lib/process/program.ts';
import { type ReadyProgram, startReadyProgram } from './ready-program.ts';

/** What `benchline service` writes when it accepts connections. */
const ServiceReady = z.object({
  idScope: z.string(),
  deviceHost: z.string(),
  ports: z.object({ https: z.int(), mqtts: z.int(), amqps: z.int() }),
  serviceConnectionString: z.string(),
  caFile: z.string(),
  hubs: z.array(z.object({ hostName: z.string(), connectionString: z.string() })),
});
export type ServiceReady = z.output<typeof ServiceReady>;

/** How other programs of this build are started. */
export interface Launcher {
  /** Node, or Electron's binary as Node. */
  readonly command: string;
  /** What comes before the program's own arguments. */
  readonly programs: Readonly<Record<'service' | 'agent', readonly string[]>>;
  readonly env: Readonly<Record<string, string>>;
}

export interface ServiceOptions {
  readonly data: string;
  readonly readyFile: string;
  readonly hubs: number;
  readonly retryAfter: number;
  readonly listen?: string;
  readonly ports?: { readonly https: number; readonly mqtts: number; readonly amqps: number };
}

export type EmbeddedService = ReadyProgram<ServiceReady>;

export function startEmbeddedService(
  launcher: Launcher,
  options: ServiceOptions,
  parts: ProgramParts,
  signal: AbortSignal,
): Promise<Result<EmbeddedService>> {
  const { ports } = options;
  const args = [
    ...launcher.programs.service,
    ...['--data', options.data, '--ready-file', options.readyFile],
    ...['--hubs', String(options.hubs), '--retry-after', String(options.retryAfter)],
    ...(options.listen === undefined ? [] : ['--listen', options.listen]),
    ...(ports === undefined
      ? []
      : ['--https', String(ports.https), '--mqtts', String(ports.mqtts), '--amqps', String(ports.amqps)]),
  ];
  const spec = { program: 'service', command: launcher.command, args, env: launcher.env };
  const ready = { file: options.readyFile, parse: (json: unknown) => ServiceReady.safeParse(json).data };
  return startReadyProgram(spec, ready, parts, signal);
}
