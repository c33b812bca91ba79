/** Direct methods (dps-wire 10.2): a service calls, the device's connection answers; knows no wire and never hangs. */
import { fromUtf8, toHex } from '../lib/base/bytes.ts';
import type { Clock } from '../lib/base/clock.ts';
import type { Random } from '../lib/base/random.ts';
import { failed, ok } from '../lib/base/result.ts';
import type { Outcome } from './device-changes.ts';
import { hubFault } from './hub-fault.ts';
import { parseJson, type Json } from './json.ts';

export interface MethodCall {
  readonly methodName: string;
  /** As JSON text; empty when the call brought none. */
  readonly payload: Uint8Array;
  readonly connectTimeoutMs: number;
  readonly responseTimeoutMs: number;
}

/** What a connection passes on to its device, and what the device repeats in its answer. */
export interface MethodRequest {
  readonly requestId: string;
  readonly methodName: string;
  readonly payload: Uint8Array;
}

export interface MethodAnswer {
  readonly status: number;
  readonly payload: Json;
}

export interface DirectMethods {
  /** From the service. It ends by the call's own time-outs at the latest, whatever the device does. */
  invoke(deviceId: string, call: MethodCall): Promise<Outcome<MethodAnswer>>;
  /**
   * From a device's connection that has asked for method calls; gives the way out. A later listener replaces an
   * earlier one, whose way out then does nothing. `take` gives false for a call that cannot go to the device now: it
   * ends at once, and never runs after its caller has gone.
   */
  listen(deviceId: string, take: (request: MethodRequest) => boolean): () => void;
  /** From the device, over whichever connection; false when nobody waits for it (any more). */
  answered(
    deviceId: string,
    requestId: string,
    answer: { readonly status: number; readonly payload: Uint8Array },
  ): boolean;
  /** Every call still open ends as `ServiceUnavailable`. */
  close(): void;
}

/** IoT Hub's limit of a call's and of an answer's payload. */
export const maxMethodPayloadBytes = 131_072;
// Each may hold two payloads of 128 kB: at most 4 MB a device.
const maxOutstanding = 16;
// The id goes into a topic and a header: short, and not to be guessed by another device.
const requestIdBytes = 8;

interface OpenCall {
  readonly call: MethodCall;
  readonly settle: (outcome: Outcome<MethodAnswer>) => void;
  cancelTimer: () => void;
  isSent: boolean;
}

interface Line {
  /** By request id. */
  readonly calls: Map<string, OpenCall>;
  take: ((request: MethodRequest) => boolean) | undefined;
}

const notOnline = (deviceId: string): Outcome<never> => failed(hubFault('DeviceNotOnline', { deviceId }));

export function createDirectMethods(clock: Clock, random: Random): Readonly<DirectMethods> {
  const lines = new Map<string, Line>();
  const lineOf = (deviceId: string): Line => {
    const line = lines.get(deviceId) ?? { calls: new Map<string, OpenCall>(), take: undefined };
    lines.set(deviceId, line);
    return line;
  };
  const drop = (deviceId: string, line: Line): void => {
    if (line.calls.size === 0 && line.take === undefined) lines.delete(deviceId);
  };
  const end = (deviceId: string, requestId: string, outcome: Outcome<MethodAnswer>): boolean => {
    const line = lines.get(deviceId);
    const open = line?.calls.get(requestId);
    if (line === undefined || open === undefined) return false;
    open.cancelTimer();
    line.calls.delete(requestId);
    drop(deviceId, line);
    open.settle(outcome);
    return true;
  };
  const send = (
    deviceId: string,
    requestId: string,
    open: OpenCall,
    take: (request: MethodRequest) => boolean,
  ): void => {
    const { methodName, payload, responseTimeoutMs } = open.call;
    open.isSent = true;
    open.cancelTimer();
    open.cancelTimer = clock.after(responseTimeoutMs, () => {
      end(deviceId, requestId, failed(hubFault('GatewayTimeout', { deviceId })));
    });
    if (!take({ requestId, methodName, payload })) end(deviceId, requestId, notOnline(deviceId));
  };

  return Object.freeze<DirectMethods>({
    invoke(deviceId, call) {
      const line = lineOf(deviceId);
      if (line.calls.size >= maxOutstanding) return Promise.resolve(failed(hubFault('ThrottlingException')));
      const requestId = toHex(random.bytes(requestIdBytes));
      return new Promise((settle) => {
        const open: OpenCall = { call, settle, cancelTimer: () => undefined, isSent: false };
        line.calls.set(requestId, open);
        if (line.take !== undefined) {
          send(deviceId, requestId, open, line.take);
          return;
        }
        open.cancelTimer = clock.after(call.connectTimeoutMs, () => {
          end(deviceId, requestId, notOnline(deviceId));
        });
      });
    },
    listen(deviceId, take) {
      const line = lineOf(deviceId);
      line.take = take;
      for (const [requestId, open] of [...line.calls]) if (!open.isSent) send(deviceId, requestId, open, take);
      return () => {
        if (line.take !== take) return;
        // what was sent may still be answered by the next connection; what is not ends by its own time-out
        line.take = undefined;
        drop(deviceId, line);
      };
    },
    answered: (deviceId, requestId, answer) => end(deviceId, requestId, read(answer.status, answer.payload)),
    close() {
      const unavailable = failed(hubFault('ServiceUnavailable', { reason: 'it is being stopped.' }));
      for (const [deviceId, line] of [...lines]) {
        for (const requestId of [...line.calls.keys()]) end(deviceId, requestId, unavailable);
      }
    },
  });
}

function read(status: number, payload: Uint8Array): Outcome<MethodAnswer> {
  if (payload.length > maxMethodPayloadBytes) {
    return failed(hubFault('BadDeviceResponse', { reason: `it has more than ${maxMethodPayloadBytes} bytes` }));
  }
  if (payload.length === 0) return ok({ status, payload: null });
  const json = parseJson(fromUtf8(payload) ?? '');
  if (json === undefined) return failed(hubFault('BadDeviceResponse', { reason: 'it is not JSON' }));
  return ok({ status, payload: json });
}
