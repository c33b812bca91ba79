/** Where the service and its hubs stand: addresses and ports, chosen once for a data folder and kept. */
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { z } from 'zod';
import { failed, ok, type Result } from '../lib/base/result.ts';
import { claimLoopbackBlock, type LoopbackBlock } from '../lib/listen/loopback.ts';
import { cliFault } from './verb.ts';

export interface Ports {
  readonly https: number;
  readonly mqtts: number;
  readonly amqps: number;
}

export interface PlaceWish {
  readonly listen: string | undefined;
  readonly hubListen: string | undefined;
  readonly ports: Partial<Ports>;
  readonly hubs: number;
  readonly stateFile: string;
}

export interface ServicePlace {
  readonly address: string;
  /** Of the first hub; the others follow it. */
  readonly hubAddress: string;
  readonly ports: Ports;
  /** What a person should know about the choice. */
  readonly notes: readonly string[];
  readonly release: () => void;
}

type KeptPlace = z.output<typeof keptShape>;

/** The documented default: nothing else on a machine uses it. Hubs stand ten addresses further. */
export const defaultAddress = '127.77.0.1';
const hubOffset = 10;
/** What the SDKs have built in (dps-wire section 11.1). */
const standardPorts: Ports = { https: 443, mqtts: 8883, amqps: 5671 };
// Below the range from which systems take ports for outgoing connections, so that a kept set is free again later.
const firstFreePorts: Ports = { https: 20_443, mqtts: 28_883, amqps: 25_671 };
const maxFreeTries = 100;
const allowStandardPorts = 'sudo sysctl net.ipv4.ip_unprivileged_port_start=443';

export async function choosePlace(wish: PlaceWish): Promise<Result<ServicePlace>> {
  const kept = await keptPlace(wish.stateFile);
  const address = await chooseAddress(wish, kept);
  if (!address.ok) return address;
  const hubAddress = hubAddressFor(address.value.address, wish);
  if (!hubAddress.ok) return hubAddress;
  const addresses = [address.value.address, ...following(hubAddress.value, wish.hubs)];
  const ports = await choosePorts(addresses, wish.ports, kept?.ports);
  if (!ports.ok) {
    address.value.release();
    return ports;
  }
  const place = { address: address.value.address, ports: ports.value.ports };
  await writeFile(wish.stateFile, `${JSON.stringify(place)}\n`, { mode: 0o600 });
  const notes = [...ports.value.notes, ...hubNotes(place.address, hubAddress.value)];
  return ok({ ...place, hubAddress: hubAddress.value, notes, release: address.value.release });
}

interface ChosenAddress {
  readonly address: string;
  readonly release: () => void;
}

const nothingClaimed = (): void => undefined;

async function chooseAddress(wish: PlaceWish, kept: KeptPlace | undefined): Promise<Result<ChosenAddress>> {
  if (wish.listen !== undefined) return ok({ address: wish.listen, release: nothingClaimed });
  if (kept !== undefined) return keptAddress(kept.address);
  const ports = Object.values({ ...standardPorts, ...wish.ports });
  const found = await Promise.all(ports.map((port) => probe(defaultAddress, port)));
  if (!found.includes('taken')) return ok({ address: defaultAddress, release: nothingClaimed });
  const block = claimLoopbackBlock();
  return block.ok ? ok(claimed(block.value, `${block.value.base}.1`)) : block;
}

/** Devices know the service and the hubs by these addresses: another one would not do. */
function keptAddress(address: string): Result<ChosenAddress> {
  const [, block] = /^127\.100\.(\d{1,3})\.1$/.exec(address) ?? [];
  if (block === undefined) return ok({ address, release: nothingClaimed });
  const preferred = claimLoopbackBlock({ prefer: Number(block) });
  if (!preferred.ok) return preferred;
  if (address.startsWith(`${preferred.value.base}.`)) return ok(claimed(preferred.value, address));
  preferred.value.release();
  return failed(cliFault('address-taken', { address }));
}

function claimed(block: LoopbackBlock, address: string): ChosenAddress {
  return {
    address,
    release: () => {
      block.release();
    },
  };
}

function hubAddressFor(address: string, wish: PlaceWish): Result<string> {
  if (wish.hubListen !== undefined) return ok(wish.hubListen);
  // only loopback has further addresses for the asking
  const base = address.startsWith('127.') ? address : defaultAddress;
  const [, network = '', host = ''] = /^(\d+\.\d+\.\d+)\.(\d+)$/.exec(base) ?? [];
  const first = Number(host) + hubOffset;
  if (first + wish.hubs - 1 <= 254) return ok(`${network}.${first}`);
  const wanted = `an address with ${hubOffset + wish.hubs - 1} more after it in its /24`;
  return failed(cliFault('option-wrong', { option: '--listen', value: address, wanted }));
}

function hubNotes(address: string, hubAddress: string): readonly string[] {
  if (address.startsWith('127.') || !hubAddress.startsWith('127.')) return [];
  return [`The hubs stand on ${hubAddress} and can be reached from this machine alone; --hub-listen moves them.`];
}

function following(first: string, count: number): readonly string[] {
  const [, network = '', host = ''] = /^(\d+\.\d+\.\d+)\.(\d+)$/.exec(first) ?? [];
  return Array.from({ length: count }, (_, at) => `${network}.${Number(host) + at}`);
}

interface ChosenPorts {
  readonly ports: Ports;
  readonly notes: readonly string[];
}

async function choosePorts(
  addresses: readonly string[],
  wished: Partial<Ports>,
  kept: Ports | undefined,
): Promise<Result<ChosenPorts>> {
  const standard = { ...standardPorts, ...wished };
  const found = await probeAll(addresses, standard);
  const away = addresses.find((_, at) => found[at * portsEach] === 'not-here');
  if (away !== undefined) return failed(cliFault('address-not-here', { address: away }));
  // what was asked for by number is used or fails by name; only a default may give way
  const given = Object.keys(wished).length === Object.keys(standardPorts).length;
  if (given || found.every((each) => each === 'free')) return ok({ ports: standard, notes: [] });
  const candidates = [...(kept === undefined ? [] : [kept]), ...Array.from({ length: maxFreeTries }, freePorts)];
  for (const candidate of candidates) {
    const ports = { ...candidate, ...wished };
    const free = (await probeAll(addresses, ports)).every((each) => each === 'free');
    if (free) return ok({ ports, notes: portNotes(ports, found.includes('forbidden')) });
  }
  return failed(cliFault('no-free-ports', { address: addresses[0] ?? '' }));
}

function freePorts(_: unknown, step: number): Ports {
  const { https, mqtts, amqps } = firstFreePorts;
  return { https: https + step, mqtts: mqtts + step, amqps: amqps + step };
}

function portNotes(ports: Ports, forbidden: boolean): readonly string[] {
  const taken = `Ports ${ports.https}, ${ports.mqtts} and ${ports.amqps} are used`;
  return forbidden
    ? [
        `This user may not listen on port 443. ${taken} instead of 443, 8883 and 5671.`,
        `Device SDKs have the standard ports built in. To allow them, run: ${allowStandardPorts}`,
      ]
    : [`Another program listens on one of the ports 443, 8883 and 5671 there. ${taken} instead.`];
}

type PortState = 'free' | 'taken' | 'forbidden' | 'not-here';

const portsEach = 3;

/** Of each address in turn its three ports. */
async function probeAll(addresses: readonly string[], ports: Ports): Promise<readonly PortState[]> {
  const each = [ports.https, ports.mqtts, ports.amqps];
  return Promise.all(addresses.flatMap((address) => each.map((port) => probe(address, port))));
}

const stateOfCode: ReadonlyMap<string, PortState> = new Map([
  ['EACCES', 'forbidden'],
  ['EADDRNOTAVAIL', 'not-here'],
]);

/** Binds and lets go again: the only way to know that is right on every system. */
function probe(host: string, port: number): Promise<PortState> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      resolve(stateOfCode.get(error.code ?? '') ?? 'taken');
    });
    server.listen({ host, port, exclusive: true }, () => {
      server.close(() => {
        resolve('free');
      });
    });
  });
}

const keptShape = z.object({
  address: z.string(),
  ports: z.object({ https: z.int(), mqtts: z.int(), amqps: z.int() }),
});

async function keptPlace(file: string): Promise<KeptPlace | undefined> {
  try {
    return keptShape.safeParse(JSON.parse(await readFile(file, 'utf8'))).data;
  } catch {
    return undefined; // none yet, or damaged: a new choice is as good
  }
}
