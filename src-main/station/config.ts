/** What a station is told at its start: by the desktop shell, the command line or a test. */
import { isIP } from 'node:net';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { faultMaker } from '../lib/base/fault.ts';
import { parseHostPort } from '../lib/base/host-port.ts';
import { type Result, failed, ok } from '../lib/base/result.ts';
import { optionReason } from '../lib/process/start-refusal.ts';
import { parseSlotAddress } from './adapters/slot-address.ts';

const configFault = faultMaker({
  'option-unknown': { say: '{reason}', hint: 'See `benchline station --help`.' },
  'option-wrong': { say: 'The option {option} is not right: {reason}.', hint: 'See `benchline station --help`.' },
});

const SlotPort = z
  .string()
  .regex(/^(1[0-6]|[1-9])=/, 'a slot is N=usb:PLACE, N=serial:PATH or N=tcp:HOST:PORT')
  .transform((text) => {
    const cut = text.indexOf('=');
    return { slot: Number(text.slice(0, cut)), address: text.slice(cut + 1) };
  })
  .refine(
    ({ address }) => parseSlotAddress(address) !== undefined,
    'a port is usb:PLACE, serial:PATH or tcp:HOST:PORT',
  );

const SlotPorts = z
  .array(SlotPort)
  .max(16)
  .default([])
  .refine((ports) => new Set(ports.map(({ slot }) => slot)).size === ports.length, 'a slot has one port')
  .refine((ports) => new Set(ports.map(({ address }) => address)).size === ports.length, 'a port belongs to one slot');

const Config = z
  .object({
    data: z.string().min(1),
    /** Virtual units on the bench; 0 for none. */
    'virtual-units': z.coerce.number().int().min(0).max(16).default(0),
    attestation: z.enum(['tpm', 'x509', 'mixed']).default('mixed'),
    /** Absent: swtpm where it is installed, the software TPM elsewhere. */
    tpm: z.enum(['swtpm', 'software']).optional(),
    hubs: z.coerce.number().int().min(1).max(16).default(2),
    slot: SlotPorts,
    /** How many the bench shows; absent: as many as are in use. */
    slots: z.coerce.number().int().min(1).max(16).optional(),
    /** For who measures: how often the longest stall of the event loop is written into the log, in seconds. */
    'watch-loop': z.coerce.number().int().min(1).max(3_600).optional(),
    /** Absent: as each adapter's profile says. */
    baud: z.coerce.number().int().min(1_200).max(4_000_000).optional(),
    /** Without one, the station starts the embedded service. */
    'connection-string': z.string().max(1_000).optional(),
    /** Its first line is the connection string; `-` is standard input. */
    'connection-string-file': z.string().min(1).optional(),
    'id-scope': z.string().trim().min(1, 'it is empty').max(64).optional(),
    endpoint: z
      .string()
      .max(260)
      .refine((text) => parseHostPort(text) !== undefined, 'it is HOST or HOST:PORT')
      .optional(),
    ca: z.string().optional(),
    'hub-connection-string': z.array(z.string().max(1_000)).max(50).default([]),
    'hub-connection-string-file': z.string().min(1).optional(),
    /** For the embedded service, in seconds: how long a device waits between two polls. */
    'retry-after': z.coerce.number().int().min(1).max(300).default(3),
    /** A PKCS#12 file that is opened at the start, and the file whose first line is its passphrase. */
    signer: z.string().min(1).optional(),
    'signer-passphrase-file': z.string().min(1).optional(),
    /** A folder of TPM vendors' certificates, beside the one in the data folder. */
    'ek-roots': z.string().min(1).optional(),
    listen: z
      .string()
      .refine((text) => isIP(text) !== 0, 'it is an IP address of this machine')
      .optional(),
    https: z.coerce.number().int().min(0).max(65_535).optional(),
    mqtts: z.coerce.number().int().min(0).max(65_535).optional(),
    amqps: z.coerce.number().int().min(0).max(65_535).optional(),
  })
  .refine(
    (config) =>
      (config['connection-string'] ?? config['connection-string-file']) === undefined ||
      (config['id-scope'] !== undefined && config.endpoint !== undefined),
    { path: ['connection-string'], message: 'it needs --id-scope and --endpoint beside it' },
  )
  .refine((config) => config['connection-string-file'] !== '-' || config['hub-connection-string-file'] !== '-', {
    path: ['hub-connection-string-file'],
    message: 'standard input can be read once alone',
  })
  .refine((config) => (config.signer === undefined) === (config['signer-passphrase-file'] === undefined), {
    path: ['signer'],
    message: 'it and --signer-passphrase-file need each other',
  });
export type StationConfig = z.output<typeof Config>;

export const stationOptions: readonly string[] = Object.keys(Config.shape);

/** The command line of `benchline station`. */
export function parseStationArgs(args: readonly string[]): Result<StationConfig> {
  const text = { type: 'string' } as const;
  const many = { type: 'string', multiple: true } as const;
  const options = {
    ...Object.fromEntries(stationOptions.map((name) => [name, text])),
    slot: many,
    'hub-connection-string': many,
  };
  try {
    const { values } = parseArgs({ args: [...args], options, strict: true });
    const parsed = Config.safeParse(values);
    if (parsed.success) return ok(parsed.data);
    const [issue] = parsed.error.issues;
    const option = `--${String(issue?.path[0] ?? '')}`;
    return failed(configFault('option-wrong', { option, reason: issue?.message ?? 'it cannot be read' }));
  } catch (error) {
    return failed(configFault('option-unknown', { reason: optionReason(error) }));
  }
}

/** Where the parts of a station keep their files below its data folder. */
export function stationPaths(data: string) {
  return {
    database: join(data, 'station.db'),
    signers: join(data, 'signers'),
    devices: join(data, 'devices'),
    ekRoots: join(data, 'ek-roots'),
    reports: join(data, 'reports'),
    service: join(data, 'service'),
    serviceReady: join(data, 'service', 'ready.json'),
    virtualBench: join(data, 'virtual-bench'),
    target: join(data, 'target.json'),
  } as const;
}
