/** Lists the adapters that are plugged in, and, of a station's data folder, which slot each belongs to. */
import { parseArgs } from 'node:util';
import { createSystemCatalog } from '../lib/serial/index.ts';
import { stationPaths } from './config.ts';
import { usbAddress } from './adapters/slot-address.ts';
import { openStoreReader } from './queue/reader.ts';

// The verb of the command line has checked the options already; here they only arrive.
const { values } = parseArgs({ options: { data: { type: 'string' }, json: { type: 'boolean', default: false } } });

interface Row {
  readonly slot?: number;
  readonly address: string;
  readonly device?: string;
  readonly name?: string;
  readonly ids?: string;
}

async function main(): Promise<number> {
  const kept = values.data === undefined ? undefined : keptSlots(values.data);
  if (kept?.ok === false) {
    const { code, say, hint } = kept.fault;
    if (values.json) process.stdout.write(`${JSON.stringify({ ok: false, fault: { code, say, hint } })}\n`);
    else process.stderr.write(`${say}\n${hint}\n(${code})\n`);
    return 1;
  }
  const rows = await rowsOf(kept?.value ?? []);
  if (values.json) process.stdout.write(`${JSON.stringify({ ok: true, adapters: rows })}\n`);
  else process.stdout.write(`${rows.length === 0 ? 'No adapter is plugged in.' : rows.map(lineOf).join('\n')}\n`);
  return 0;
}

function keptSlots(data: string) {
  const reader = openStoreReader(stationPaths(data).database);
  if (!reader.ok) return reader;
  const kept = reader.value.keptSlots();
  reader.value.close();
  return kept;
}

type Bound = readonly { readonly slot: number; readonly address: string }[];

async function rowsOf(bound: Bound): Promise<readonly Row[]> {
  const plugged = await createSystemCatalog(process.platform).list();
  const there = plugged.map((port): Row => {
    const address = port.usbPath === undefined ? `serial:${port.path}` : usbAddress(port.usbPath);
    const slot = bound.find((one) => one.address === address)?.slot;
    const { path: device, name, vendorId, productId } = port;
    const ids = vendorId === undefined ? {} : { ids: `${vendorId}:${productId ?? '?'}` };
    return { ...(slot === undefined ? {} : { slot }), address, device, name, ...ids };
  });
  const away = bound.filter(({ address }) => !there.some((row) => row.address === address));
  return [...there, ...away];
}

function lineOf({ slot, address, device, name, ids }: Row): string {
  const place = slot === undefined ? 'no slot' : `slot ${String(slot)}`;
  return [place.padEnd(8), address, device ?? 'not plugged in', name ?? '', ids ?? ''].join('  ').trimEnd();
}

process.exitCode = await main();
