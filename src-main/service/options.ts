/** The service program's command line. */
import { isIP } from 'node:net';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { faultMaker } from '../lib/base/fault.ts';
import { failed, ok, type Result } from '../lib/base/result.ts';
import { optionReason } from '../lib/process/start-refusal.ts';
import { tlsKeyKinds, type TlsKeyKind } from '../lib/x509/tls-authority.ts';

const serviceOptionFault = faultMaker({
  'service-option-missing': { say: 'The service program needs --{option}.', hint: 'Start it by: benchline service' },
  'service-option-unknown': { say: '{reason}', hint: 'See: benchline service --help' },
  'service-option-wrong': { say: '--{option} cannot be {value}.', hint: 'It must be {wanted}.' },
});

export interface ServicePorts {
  /** 0 takes a free one. */
  readonly https: number;
  readonly mqtts: number;
  readonly amqps: number;
}

export interface ServiceOptions {
  readonly dataFolder: string;
  readonly tlsFolder: string;
  readonly readyFile: string;
  /** The address to listen on. */
  readonly listen: string;
  /** What devices and stations call it: in its certificate and in its connection string. */
  readonly hostName: string;
  readonly ports: ServicePorts;
  /** Connection strings. */
  readonly linkHubs: readonly string[];
  /** PEM: more roots to trust as a hub's. */
  readonly hubCaFile: string | undefined;
  readonly retryAfterS: number;
  readonly tlsKey: TlsKeyKind;
}

const strings = [
  'data',
  'tls-dir',
  'ready-file',
  'listen',
  'host-name',
  'https',
  'mqtts',
  'amqps',
  'retry-after',
  'tls-key',
  'hub-ca-file',
] as const;
type OptionName = (typeof strings)[number];
type Given = Readonly<Partial<Record<OptionName, string>>> & { readonly 'link-hub'?: readonly string[] };

// dps-wire 1.6: the real service says 3. One client takes 2 to 5, another 1 to 300 (1.10).
const usual = { listen: '127.0.0.1', https: '443', mqtts: '8883', amqps: '5671', 'retry-after': '3', 'tls-key': 'rsa' };

export function parseServiceOptions(args: readonly string[]): Result<ServiceOptions> {
  const read = givenOptions(args);
  if (!read.ok) return read;
  const given = { ...usual, ...read.value };
  const { data, 'ready-file': readyFile, listen } = given;
  if (data === undefined) return failed(serviceOptionFault('service-option-missing', { option: 'data' }));
  if (readyFile === undefined) return failed(serviceOptionFault('service-option-missing', { option: 'ready-file' }));
  if (isIP(listen) === 0) return wrong('listen', listen, 'an IP address of this machine');
  const hostName = (given['host-name'] ?? listen).toLowerCase();
  if (!/^[a-z0-9.:-]{1,253}$/.test(hostName)) return wrong('host-name', hostName, 'a host name or an IP address');
  const ports = parsePorts(given);
  if (!ports.ok) return ports;
  const retryAfterS = Number(given['retry-after']);
  if (!isRetryAfter(retryAfterS)) return wrong('retry-after', given['retry-after'], 'seconds from 1 to 300');
  const tlsKey = tlsKeyKinds.find((kind) => kind === given['tls-key']);
  if (tlsKey === undefined) return wrong('tls-key', given['tls-key'], 'rsa or p256');
  const tlsFolder = given['tls-dir'] ?? join(data, 'tls');
  const linkHubs = given['link-hub'] ?? [];
  const place = { dataFolder: data, tlsFolder, readyFile, listen, hostName, ports: ports.value };
  return ok({ ...place, linkHubs, hubCaFile: given['hub-ca-file'], retryAfterS, tlsKey });
}

// One client drops a wait outside of this and asks every second (dps-wire 1.10).
function isRetryAfter(seconds: number): boolean {
  return Number.isInteger(seconds) && seconds >= 1 && seconds <= 300;
}

function givenOptions(args: readonly string[]): Result<Given> {
  try {
    const single = Object.fromEntries(strings.map((name) => [name, { type: 'string' as const }]));
    const options = { ...single, 'link-hub': { type: 'string' as const, multiple: true } };
    return ok(parseArgs({ args: [...args], options, strict: true }).values as Given);
  } catch (error) {
    return failed(serviceOptionFault('service-option-unknown', { reason: optionReason(error) }));
  }
}

function parsePorts(given: Given): Result<ServicePorts> {
  const ports: Record<'https' | 'mqtts' | 'amqps', number> = { https: 0, mqtts: 0, amqps: 0 };
  for (const option of ['https', 'mqtts', 'amqps'] as const) {
    const value = given[option] ?? '';
    const port = /^\d{1,5}$/.test(value) ? Number(value) : -1;
    if (port < 0 || port > 65_535) return wrong(option, value, 'a port from 0 to 65535');
    ports[option] = port;
  }
  return ok(ports);
}

function wrong(option: string, value: string, wanted: string): Result<never> {
  return failed(serviceOptionFault('service-option-wrong', { option, value, wanted }));
}
