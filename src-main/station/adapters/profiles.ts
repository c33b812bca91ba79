/** How each kind of adapter is opened: data of `resources/adapters`, by vendor and product id. */
import { z } from 'zod';
import type { AdapterPort, PortProfile } from '../../lib/serial/index.ts';
import espressifUsbJtag from '../../../resources/adapters/espressif-usb-jtag.json' with { type: 'json' };
import ft2232h from '../../../resources/adapters/ftdi-ft2232h.json' with { type: 'json' };
import ft232r from '../../../resources/adapters/ftdi-ft232r.json' with { type: 'json' };
import ftX from '../../../resources/adapters/ftdi-ft-x.json' with { type: 'json' };
import linuxGadget from '../../../resources/adapters/linux-gadget.json' with { type: 'json' };
import nordicJlink from '../../../resources/adapters/nordic-jlink-cdc.json' with { type: 'json' };
import pl2303 from '../../../resources/adapters/prolific-pl2303.json' with { type: 'json' };
import cp210x from '../../../resources/adapters/silabs-cp210x.json' with { type: 'json' };
import stLink from '../../../resources/adapters/st-link-vcp.json' with { type: 'json' };
import unknown from '../../../resources/adapters/unknown.json' with { type: 'json' };
import ch340 from '../../../resources/adapters/wch-ch340.json' with { type: 'json' };
import type { SlotBinding } from './bindings.ts';

const UsbId = z.string().regex(/^[0-9a-f]{4}$/);
/** The slowest and the fastest that a bench link is run at. */
const BaudRate = z.int().min(1_200).max(4_000_000);

export const AdapterProfile = z.strictObject({
  name: z.string().min(1).max(80),
  usb: z.array(z.strictObject({ vendorId: UsbId, productIds: z.array(UsbId).min(1) })),
  baudRate: BaudRate,
  /** What the doctor tries when nothing readable comes, likeliest first; none where there is no wire. */
  otherBaudRates: z.array(BaudRate).max(12),
  /** Set at once after opening. */
  lines: z.strictObject({ dtr: z.boolean(), rts: z.boolean() }),
  /** Whether DTR and RTS drop at a close. */
  hangUpOnClose: z.boolean(),
  /** Asks the driver for short waits at open, which for FTDI is a latency timer of 1 ms. */
  lowLatency: z.literal(true).optional(),
  /** Where these facts are written down. */
  source: z.string().min(10),
});
export type AdapterProfile = z.output<typeof AdapterProfile>;

const files: readonly unknown[] = [
  ...[ft232r, ft2232h, ftX, cp210x, ch340, pl2303],
  ...[stLink, nordicJlink, espressifUsbJtag, linuxGadget],
];
/** A file that is not right is a bug of this build: it throws at the start. */
export const adapterProfiles: readonly AdapterProfile[] = files.map((file) => AdapterProfile.parse(file));
export const unknownAdapter: AdapterProfile = AdapterProfile.parse(unknown);

export function profileOf(adapter: Pick<AdapterPort, 'vendorId' | 'productId'> | undefined): AdapterProfile {
  const { vendorId, productId = '' } = adapter ?? {};
  const isIt = (profile: AdapterProfile): boolean =>
    profile.usb.some((usb) => usb.vendorId === vendorId && usb.productIds.includes(productId));
  return adapterProfiles.find(isIt) ?? unknownAdapter;
}

/** Of the whole bench, of one slot, or of one batch: the later wins. */
export interface Overrides {
  readonly stationBaudRate: number | undefined;
  readonly slot: SlotBinding;
  readonly batchBaudRate: number | undefined;
}

export function openingOf(path: string, adapter: AdapterPort | undefined, overrides: Overrides): PortProfile {
  const profile = profileOf(adapter);
  const { slot, batchBaudRate, stationBaudRate } = overrides;
  const held = slot.linesDown === true ? { dtr: false, rts: false, hangUpOnClose: false } : undefined;
  return {
    path,
    baudRate: batchBaudRate ?? slot.baudRate ?? stationBaudRate ?? profile.baudRate,
    ...(held ?? { ...profile.lines, hangUpOnClose: profile.hangUpOnClose }),
    ...(profile.lowLatency === true || slot.lowLatency === true ? { lowLatency: true } : {}),
  };
}
