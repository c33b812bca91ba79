/** The hub program's command line. */
import { isIPv4 } from 'node:net';
import { parseArgs } from 'node:util';
import { faultMaker } from '../lib/base/fault.ts';
import { failed, ok, type Result } from '../lib/base/result.ts';
import { optionReason } from '../lib/process/start-refusal.ts';
import { faultWishOfText, type FaultWish } from './fault-switch.ts';
import { tlsKeyKinds, type TlsKeyKind } from '../lib/x509/tls-authority.ts';

const hubOptionFault = faultMaker({
  'hub-option-missing': { say: 'The hub program needs --{option}.', hint: 'Start it by: benchline service' },
  'hub-option-unknown': { say: '{reason}', hint: 'See: benchline hub --help' },
  'hub-option-wrong': { say: '--{option} cannot be {value}.', hint: 'It must be {wanted}.' },
});

export interface HubPlace {
  readonly number: number;
  readonly hostName: string;
  readonly address: string;
}

export interface HubPorts {
  readonly https: number;
  readonly mqtts: number;
  readonly amqps: number;
}

export interface HubOptions {
  readonly dataFolder: string;
  readonly tlsFolder: string;
  readonly readyFile: string;
  readonly ports: HubPorts;
  readonly places: readonly HubPlace[];
  readonly tlsKey: TlsKeyKind;
  /** By the hub's number: what it begins with. */
  readonly faults: ReadonlyMap<number, FaultWish>;
}

const maxHubs = 50; // as many as one provisioning service may be linked to (dps-wire section 8.4)

const strings = [
  'data',
  'hubs',
  'listen',
  'https',
  'mqtts',
  'amqps',
  'tls-dir',
  'ready-file',
  'host-names',
  'tls-key',
  'faults',
] as const;
type OptionName = (typeof strings)[number];
type Given = Readonly<Partial<Record<OptionName, string>>>;

const usual: Given = { hubs: '2', https: '443', mqtts: '8883', amqps: '5671', 'tls-key': 'rsa' };

export function parseHubOptions(args: readonly string[]): Result<HubOptions> {
  let given: Given;
  try {
    const options = Object.fromEntries(strings.map((name) => [name, { type: 'string' as const }]));
    given = { ...usual, ...(parseArgs({ args: [...args], options, strict: true }).values as Given) };
  } catch (error) {
    return failed(hubOptionFault('hub-option-unknown', { reason: optionReason(error) }));
  }
  const needed = neededOf(given);
  if (!needed.ok) return needed;
  const ports = parsePorts(given);
  if (!ports.ok) return ports;
  const places = parsePlaces(given, needed.value.listen);
  if (!places.ok) return places;
  const tlsKey = tlsKeyKinds.find((kind) => kind === given['tls-key']);
  if (tlsKey === undefined) return wrong('tls-key', given['tls-key'] ?? '', 'rsa or p256');
  const faults = parseFaults(given.faults ?? '', places.value.length);
  if (!faults.ok) return faults;
  const { dataFolder, tlsFolder, readyFile } = needed.value;
  const where = { ports: ports.value, places: places.value };
  return ok({ dataFolder, tlsFolder, readyFile, ...where, tlsKey, faults: faults.value });
}

interface Needed {
  readonly dataFolder: string;
  readonly tlsFolder: string;
  readonly readyFile: string;
  readonly listen: string;
}

function neededOf({ data, listen, 'tls-dir': tlsFolder, 'ready-file': readyFile }: Given): Result<Needed> {
  if (data === undefined) return failed(hubOptionFault('hub-option-missing', { option: 'data' }));
  if (tlsFolder === undefined) return failed(hubOptionFault('hub-option-missing', { option: 'tls-dir' }));
  if (readyFile === undefined) return failed(hubOptionFault('hub-option-missing', { option: 'ready-file' }));
  if (listen === undefined) return failed(hubOptionFault('hub-option-missing', { option: 'listen' }));
  return ok({ dataFolder: data, tlsFolder, readyFile, listen });
}

function parsePorts(given: Given): Result<HubPorts> {
  const ports: Record<'https' | 'mqtts' | 'amqps', number> = { https: 0, mqtts: 0, amqps: 0 };
  for (const option of ['https', 'mqtts', 'amqps'] as const) {
    const value = given[option] ?? '';
    const port = /^\d{1,5}$/.test(value) ? Number(value) : 0;
    if (port < 1 || port > 65_535) return wrong(option, value, 'a port from 1 to 65535');
    ports[option] = port;
  }
  return ok(ports);
}

function parsePlaces(given: Given, listen: string): Result<readonly HubPlace[]> {
  const hubs = Number(given.hubs);
  if (!Number.isInteger(hubs) || hubs < 1 || hubs > maxHubs) {
    return wrong('hubs', given.hubs ?? '', `a number from 1 to ${maxHubs}`);
  }
  const addresses = addressesFrom(listen, hubs);
  if (addresses === undefined) {
    return wrong('listen', listen, `an IPv4 address with ${hubs - 1} more after it in its /24`);
  }
  const names = hostNames(given['host-names'] ?? '', hubs);
  if (!names.ok) return names;
  return ok(addresses.map((address, at) => ({ number: at + 1, address, hostName: names.value[at] ?? address })));
}

/** `2=slow:500,1=down`. */
function parseFaults(text: string, hubs: number): Result<ReadonlyMap<number, FaultWish>> {
  const faults = new Map<number, FaultWish>();
  for (const each of text.split(',').filter((part) => part !== '')) {
    const [, number = '', fault = ''] = /^(\d{1,2})=(.*)$/.exec(each) ?? [];
    const wish = faultWishOfText(fault);
    const isHub = Number(number) >= 1 && Number(number) <= hubs;
    if (!isHub || !wish.ok) return wrong('faults', text, 'N=slow[:MS], N=throttled[:S], N=refusing or N=down');
    faults.set(Number(number), wish.value);
  }
  return ok(faults);
}

/** The one given and those that follow it. */
function addressesFrom(first: string, count: number): readonly string[] | undefined {
  const [, network, host = ''] = /^(\d+\.\d+\.\d+)\.(\d+)$/.exec(first) ?? [];
  if (network === undefined || !isIPv4(first)) return undefined;
  const firstHost = Number(host);
  if (firstHost < 1 || firstHost + count - 1 > 254) return undefined;
  return Array.from({ length: count }, (_, at) => `${network}.${firstHost + at}`);
}

function hostNames(text: string, hubs: number): Result<readonly string[]> {
  const names = text.split(',').filter((name) => name !== '');
  const fit = names.length <= hubs && names.every((name) => /^[A-Za-z0-9.-]{1,253}$/.test(name));
  if (!fit) return wrong('host-names', text, 'at most one host name a hub, separated by commas');
  return ok(names.map((name) => name.toLowerCase()));
}

function wrong(option: string, value: string, wanted: string): Result<never> {
  return failed(hubOptionFault('hub-option-wrong', { option, value, wanted }));
}
