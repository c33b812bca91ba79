/** Claims put to `$cbs` (dps-wire 10.4): a device's token or a service's, and the answer to either. */
import { parseSasToken, sasSkewS } from '../lib/dps/sas.ts';
import type { AmqpMessage, AmqpOutgoing } from '../lib/listen/amqp.ts';
import type { HubAccess } from './access.ts';
import type { DeviceDesk } from './device-desk.ts';

export type Claim =
  | { readonly is: 'device'; readonly deviceId: string; readonly endsAtMs: number | undefined }
  | { readonly is: 'service'; readonly endsAtMs: number };

export interface ClaimParts {
  readonly desk: Pick<DeviceDesk, 'admit'>;
  readonly access: Pick<HubAccess, 'serviceAllowed'>;
}

export type PutToken =
  | { readonly is: 'granted'; readonly claim: Claim }
  | { readonly is: 'refused'; readonly status: number; readonly why: string };

/** Why there is no claim. */
export type NoClaim = { readonly is: 'refused' } | { readonly is: 'throttled'; readonly retryAfterS: number };

const answers: Readonly<Record<NoClaim['is'], PutToken>> = {
  refused: { is: 'refused', status: 401, why: 'The credentials were not accepted.' },
  throttled: { is: 'refused', status: 429, why: 'Too much is being asked at once.' },
};

export function putToken(parts: ClaimParts, source: string, { application, body }: AmqpMessage): PutToken {
  if (application.get('operation') !== 'put-token')
    return { is: 'refused', status: 400, why: 'put-token is all there is.' };
  const token = body.is === 'value' && typeof body.value === 'string' ? body.value : '';
  const claim = claimOf(parts, source, token);
  return claim.is === 'device' || claim.is === 'service' ? { is: 'granted', claim } : answers[claim.is];
}

// What a service's connection is for here: messages to devices.
const serviceAddress = '/messages/devicebound';

/** What the token says it is for: a device's resource is below `devices`, a service's is the hub. */
export function claimOf({ desk, access }: ClaimParts, source: string, text: string): Claim | NoClaim {
  const token = parseSasToken(text);
  if (!token.ok) return { is: 'refused' };
  const { resource, keyName, expiresAtS } = token.value;
  if (keyName !== '') {
    return access.serviceAllowed(text, serviceAddress)
      ? { is: 'service', endsAtMs: (expiresAtS + sasSkewS) * 1_000 }
      : { is: 'refused' };
  }
  const [, , ...id] = resource.split('/');
  const deviceId = id.join('/');
  const admitted = desk.admit(deviceId, { token: text, certificate: undefined, source });
  return admitted.is === 'admitted' ? { is: 'device', deviceId, endsAtMs: admitted.admission.endsAtMs } : admitted;
}

/** `status-code` is an int: one client compares it as a number. */
export function claimAnswer({ messageId }: AmqpMessage, put: PutToken): AmqpOutgoing {
  const said = put.is === 'granted' ? { status: 200, why: 'OK' } : put;
  return {
    correlationId: messageId,
    application: { 'status-code': said.status, 'status-description': said.why },
  };
}
