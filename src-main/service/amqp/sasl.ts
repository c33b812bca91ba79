/** How a device logs in (dps-wire 3.4 and 3.5): a token by PLAIN, a TPM by a mechanism of its own. The desk judges. */
import { fromBase64, fromUtf8, toBase64 } from '../../lib/base/bytes.ts';
import { failed, type Result } from '../../lib/base/result.ts';
import type { Log } from '../../lib/base/log.ts';
import type { SaslExchange, SaslStep } from '../../lib/listen/amqp.ts';
import type { TlsPeer } from '../../lib/listen/tls-peer.ts';
import type { DeviceClaim } from '../core/claim.ts';
import { isTransient, statusOf } from '../core/error-body.ts';
import { serviceFault, type ServiceFault } from '../core/faults.ts';
import type { AdmitAnswer, RegistrationDesk } from '../core/registration-desk.ts';
import { parseDeviceAddress, type DeviceAddress } from './device-address.ts';
import { parseTpmInit, payloadOf, tpmSegments, type TpmInit } from './tpm-segments.ts';

/** Who a connection is of. A certificate alone names no device yet: the address of its links does. */
export interface DeviceLogin {
  readonly device: DeviceAddress | undefined;
  readonly authorization: string | undefined;
}

export interface SaslParts {
  readonly registrations: Pick<RegistrationDesk, 'admit'>;
  readonly log: Log;
}

type Step = SaslStep<DeviceLogin>;

const refused: Step = { is: 'refused' };

export function plainExchange(parts: SaslParts, peer: TlsPeer): SaslExchange<DeviceLogin> {
  return {
    async start(initial) {
      // `authzid 00 {scope}/registrations/{rid} 00 token`
      const [, name, token, ...more] = fromUtf8(initial)?.split('\0') ?? [];
      const device = name === undefined ? undefined : parseDeviceAddress(name);
      if (device === undefined || token === undefined || token === '' || more.length > 0) return refused;
      const answer = await admit(parts, peer, { ...device, authorization: token });
      return answer.ok && answer.value.is === 'admitted'
        ? { is: 'accepted', who: { device, authorization: token } }
        : turnedAway(parts, device, answer);
    },
    step: () => refused,
  };
}

type TpmState =
  | { readonly at: 'init' }
  | { readonly at: 'storage-root-key'; readonly init: TpmInit }
  | { readonly at: 'second-segment'; readonly known: TpmKeys; readonly segment: Uint8Array }
  | { readonly at: 'token'; readonly known: TpmKeys }
  | { readonly at: 'over' };

interface TpmKeys {
  readonly device: DeviceAddress;
  /** dps-wire 1.3. */
  readonly tpm: { readonly endorsementKey: string; readonly storageRootKey: string };
}

export function tpmExchange(parts: SaslParts, peer: TlsPeer): SaslExchange<DeviceLogin> {
  let state: TpmState = { at: 'init' };
  const over = (step: Step): Step => {
    state = { at: 'over' };
    return step;
  };
  return {
    start(initial) {
      const init = parseTpmInit(initial);
      if (init === undefined) return over(refused);
      state = { at: 'storage-root-key', init };
      return { is: 'challenge', bytes: Uint8Array.of(0) };
    },
    async step(response) {
      const payload = payloadOf(response);
      const before = state;
      // a response that comes while this one is worked on is out of turn
      state = { at: 'over' };
      if (payload === undefined) return refused;
      switch (before.at) {
        case 'storage-root-key': {
          const known = keysOf(before.init, payload);
          const segments = await challengeSegments(parts, peer, known);
          if (!segments.ok) return turnedAway(parts, known.device, segments);
          state = { at: 'second-segment', known, segment: segments.value[1] };
          return { is: 'challenge', bytes: segments.value[0] };
        }
        case 'second-segment':
          state = { at: 'token', known: before.known };
          return { is: 'challenge', bytes: before.segment };
        case 'token':
          return takeToken(parts, peer, before.known, payload);
        case 'init':
        case 'over':
          return refused;
      }
    },
  };
}

function keysOf({ idScope, registrationId, endorsementKey }: TpmInit, storageRootKey: Uint8Array): TpmKeys {
  return {
    device: { idScope, registrationId },
    tpm: { endorsementKey: toBase64(endorsementKey), storageRootKey: toBase64(storageRootKey) },
  };
}

async function challengeSegments(
  parts: SaslParts,
  peer: TlsPeer,
  { device, tpm }: TpmKeys,
): Promise<Result<readonly [Uint8Array, Uint8Array], ServiceFault>> {
  const answer = await admit(parts, peer, { ...device, body: { tpm } });
  if (!answer.ok) return answer;
  const blob = answer.value.is === 'challenge' ? fromBase64(answer.value.authenticationKey) : undefined;
  const segments = blob === undefined ? undefined : tpmSegments(blob);
  return segments === undefined
    ? failed(serviceFault('unauthorized', { reason: 'Unauthorized' }))
    : { ok: true, value: segments };
}

async function takeToken(parts: SaslParts, peer: TlsPeer, known: TpmKeys, payload: Uint8Array): Promise<Step> {
  const { device, tpm } = known;
  const authorization = fromUtf8(payload);
  if (authorization === undefined || authorization === '') return refused;
  const answer = await admit(parts, peer, { ...device, body: { tpm }, authorization });
  return answer.ok && answer.value.is === 'admitted'
    ? { is: 'accepted', who: { device, authorization } }
    : turnedAway(parts, device, answer);
}

type Claimed = DeviceAddress & Partial<Pick<DeviceClaim, 'body' | 'authorization'>>;

function admit(
  { registrations }: SaslParts,
  peer: TlsPeer,
  claimed: Claimed,
): Promise<Result<AdmitAnswer, ServiceFault>> {
  return registrations.admit({
    body: {},
    authorization: undefined,
    ...claimed,
    certificates: peer.certificates,
    // a link's property says it, and there is no link yet
    apiVersion: undefined,
    source: peer.remoteAddress,
  });
}

function turnedAway(parts: SaslParts, device: DeviceAddress, answer: Result<unknown, ServiceFault>): Step {
  const code = answer.ok ? 'unauthorized' : answer.fault.code;
  // the desk tells of what it refuses itself
  if (answer.ok) parts.log.warn('amqp-challenge-open', { registrationId: device.registrationId });
  return isTransient(statusOf(code)) ? { is: 'unavailable' } : refused;
}
