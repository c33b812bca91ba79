/**
 * Device writes of one hub, gathered: what is asked for while earlier writes are under way goes into one call of up to
 * 100 devices (dps-wire 10.1). A device that comes alone is written at once, by itself.
 */
import { failed, ok, type Result } from '../../lib/base/result.ts';
import type { HubDevice } from '../core/ports.ts';

export interface DeviceWriter {
  one(device: HubDevice): Promise<Result<void>>;
  /** The ids of those that were not written; a fault when nothing is known of any. */
  many(devices: readonly HubDevice[]): Promise<Result<ReadonlySet<string>>>;
}

interface Waiting {
  readonly device: HubDevice;
  resolve(result: Result<void>): void;
  reject(error: unknown): void;
}

// IoT Hub's limit for one call.
const maxInCall = 100;
// Two: while one call is answered, the next is already gathered and sent.
const maxCalls = 2;

export function createDeviceBatches(writer: DeviceWriter): (device: HubDevice) => Promise<Result<void>> {
  // Bounded by the worker, which has so many registrations in hand for one hub.
  const waiting: Waiting[] = [];
  let calls = 0;
  let isScheduled = false;
  const schedule = (): void => {
    if (isScheduled || calls >= maxCalls || waiting.length === 0) return;
    isScheduled = true;
    setImmediate(send);
  };
  const send = (): void => {
    isScheduled = false;
    calls += 1;
    const call = nextCall(waiting);
    void write(writer, call)
      .catch((error: unknown) => {
        // A bug: whoever asked hears of it.
        for (const one of call) one.reject(error);
      })
      .finally(() => {
        calls -= 1;
        schedule();
      });
    schedule();
  };
  return (device) =>
    new Promise((resolve, reject) => {
      waiting.push({ device, resolve, reject });
      schedule();
    });
}

/** One call names a device once: a hub may take two changes of one device in any order. */
function nextCall(waiting: Waiting[]): readonly Waiting[] {
  const ids = new Set<string>();
  const taken: Waiting[] = [];
  for (let at = 0; at < waiting.length && taken.length < maxInCall;) {
    const one = waiting[at];
    if (one === undefined) break;
    if (ids.has(one.device.deviceId)) {
      at += 1;
      continue;
    }
    ids.add(one.device.deviceId);
    taken.push(one);
    waiting.splice(at, 1);
  }
  return taken;
}

async function write(writer: DeviceWriter, call: readonly Waiting[]): Promise<void> {
  const [only, ...others] = call;
  if (only === undefined) return;
  const left = others.length === 0 ? call : await writeMany(writer, call);
  // By itself each hears its own reason; so do all of them where a hub takes no such call.
  await Promise.all(
    left.map(async (one) => {
      one.resolve(await writer.one(one.device));
    }),
  );
}

/** Those that are still to be written, one by one. */
async function writeMany(writer: DeviceWriter, call: readonly Waiting[]): Promise<readonly Waiting[]> {
  const written = await writer.many(call.map((one) => one.device));
  if (!written.ok) {
    if (written.fault.code === 'call-refused' || written.fault.code === 'not-found') return call;
    for (const one of call) one.resolve(failed(written.fault));
    return [];
  }
  for (const one of call) if (!written.value.has(one.device.deviceId)) one.resolve(ok());
  return call.filter((one) => written.value.has(one.device.deviceId));
}
