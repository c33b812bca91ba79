/** Where a slot's unit is reached at this moment, and how its port is opened. */
import { type Result, failed, ok } from '../../lib/base/result.ts';
import { realpath } from 'node:fs/promises';
import type { AdapterPort, PortCatalog, PortProfile } from '../../lib/serial/index.ts';
import type { Bindings } from './bindings.ts';
import { adapterFault } from './faults.ts';
import { openingOf } from './profiles.ts';
import { parseSlotAddress } from './slot-address.ts';

export type SlotLine =
  | { readonly kind: 'serial'; readonly profile: PortProfile; readonly adapter: AdapterPort | undefined }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

export interface SlotLineParts {
  readonly bindings: Bindings;
  readonly catalog: PortCatalog;
  readonly stationBaudRate: number | undefined;
  virtualPath(slot: number): string | undefined;
}

/** Looks anew: since the last look the adapter may have come back under another number. */
export async function slotLine(
  parts: SlotLineParts,
  slot: number,
  batchBaudRate: number | undefined,
): Promise<Result<SlotLine>> {
  const { bindings, catalog, stationBaudRate } = parts;
  const opening = (path: string, adapter: AdapterPort | undefined): Result<SlotLine> => {
    const overrides = { stationBaudRate, slot: bindings.of(slot), batchBaudRate };
    return ok({ kind: 'serial', profile: openingOf(path, adapter, overrides), adapter });
  };
  if (bindings.isVirtual(slot)) {
    const path = parts.virtualPath(slot);
    return path === undefined ? failed(adapterFault('port-unbound', { slot })) : opening(path, undefined);
  }
  const { address } = bindings.of(slot);
  const where = address === undefined ? undefined : parseSlotAddress(address);
  if (address === undefined || where === undefined) return failed(adapterFault('port-unbound', { slot }));
  if (where.kind === 'tcp') return ok(where);
  const plugged = await catalog.list();
  if (where.kind === 'serial') {
    const real = await realpath(where.path).catch(() => where.path);
    return opening(
      where.path,
      plugged.find(({ path }) => path === real),
    );
  }
  const adapter = plugged.find(({ usbPath }) => usbPath === where.usbPath);
  return adapter === undefined
    ? failed(adapterFault('port-not-plugged', { slot, address }))
    : opening(adapter.path, adapter);
}
