/** Who may do what on a hub: services by the policy's key, devices by their key or their certificate. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { fromBase64, fromHex } from '../lib/base/bytes.ts';
import type { Clock } from '../lib/base/clock.ts';
import { parseSasToken, resourceCovers, sasSkewS, verifySasToken, type SasToken } from '../lib/dps/sas.ts';
import { readCertificate } from '../lib/x509/certificate.ts';
import type { Device } from './device.ts';
import type { HubKeys } from './hub-database.ts';

/** The one policy of a virtual hub, named as Azure's all-rights policy. */
export const policyName = 'iothubowner';

export interface DeviceCredentials {
  /** The SAS token: the MQTT password, the HTTP authorization, what was put to AMQP's `$cbs`; or empty. */
  readonly token: string;
  /** DER of the leaf that was presented in the TLS handshake. */
  readonly certificate: Uint8Array | undefined;
  /** The remote address: wrong credentials are counted by it. */
  readonly source: string;
}

export interface Admission {
  /** When what the device showed is over; undefined for a certificate, whose end is judged at the next connection. */
  readonly endsAtMs: number | undefined;
}

/** `disabled` and `unknown` whatever was shown; a certificate that is not valid yet is `expired` too. */
export type RefusalReason = 'unknown' | 'disabled' | 'wrong-key' | 'wrong-certificate' | 'expired';

export type Judgement =
  { readonly is: 'admitted'; readonly admission: Admission } | { readonly is: 'refused'; readonly why: RefusalReason };

export interface HubAccess {
  /** For what lies at this address: the token may be for a part of the hub alone. */
  serviceAllowed(authorization: string | undefined, path: string): boolean;
  /** An unknown device takes as long to refuse as a known one with a wrong key. */
  admit(deviceId: string, device: Device | undefined, shown: Omit<DeviceCredentials, 'source'>): Judgement;
}

// A device whose key nobody holds stands in for one that does not exist.
const nobodysKey = new Uint8Array(32);

export function createAccess(hostName: string, keys: HubKeys, clock: Clock): Readonly<HubAccess> {
  const policyKeys = keyBytes([keys.primaryKey, keys.secondaryKey]);
  const nowS = (): number => Math.floor(clock.nowMs() / 1000);
  const verified = (token: SasToken, by: readonly Uint8Array[]) =>
    verifySasToken(token, { keys: by, nowS: nowS(), skewS: sasSkewS });

  const byKey = (deviceId: string, device: Device | undefined, text: string): Judgement => {
    const token = parseSasToken(text);
    if (!token.ok) return refused('wrong-key');
    const sas = device?.authentication.type === 'sas' ? device.authentication : undefined;
    const deviceKeys = sas === undefined ? [] : keyBytes([sas.primaryKey, sas.secondaryKey]);
    const right = verified(token.value, deviceKeys.length === 0 ? [nobodysKey] : deviceKeys);
    const isItsOwn = deviceKeys.length > 0 && isFor(token.value, hostName, deviceId);
    if (right.ok && isItsOwn) return admitted((token.value.expiresAtS + sasSkewS) * 1000);
    return refused(!right.ok && right.fault.code === 'sas-expired' && isItsOwn ? 'expired' : 'wrong-key');
  };

  return Object.freeze<HubAccess>({
    serviceAllowed(authorization, path) {
      const token = parseSasToken(authorization ?? '');
      if (!token.ok) return false;
      const right = verified(token.value, policyKeys).ok;
      const isCovered = resourceCovers(token.value.resource, { hosts: [hostName], path });
      return right && isCovered && token.value.keyName.toLowerCase() === policyName;
    },
    admit(deviceId, device, { token, certificate }) {
      const proven =
        token === '' && certificate !== undefined
          ? byCertificate(device, certificate, clock.nowMs())
          : byKey(deviceId, device, token);
      if (device === undefined) return refused('unknown');
      return device.status === 'enabled' ? proven : refused('disabled');
    },
  });
}

function admitted(endsAtMs: number | undefined): Judgement {
  return { is: 'admitted', admission: { endsAtMs } };
}

function refused(why: RefusalReason): Judgement {
  return { is: 'refused', why };
}

/** `{host}/devices/{deviceId}` (dps-wire section 10.2), without a key name: one would speak of a policy. */
function isFor({ resource, keyName }: SasToken, hostName: string, deviceId: string): boolean {
  const [host = '', kind = '', ...id] = resource.split('/');
  return keyName === '' && sameHost(host, hostName) && kind.toLowerCase() === 'devices' && id.join('/') === deviceId;
}

/** The name with or without a port: an SDK given `host:port` signs both (dps-wire section 11.1). */
function sameHost(signed: string, hostName: string): boolean {
  return signed.toLowerCase().replace(/:\d+$/, '') === hostName.toLowerCase();
}

function keyBytes(keys: readonly string[]): readonly Uint8Array[] {
  return keys.map((key) => fromBase64(key)).filter((key) => key !== undefined);
}

/** SHA-1 or SHA-256 of the leaf equals one of the two thumbprints, and the leaf is within its validity. */
function byCertificate(device: Device | undefined, der: Uint8Array, nowMs: number): Judgement {
  if (device?.authentication.type !== 'selfSigned') return refused('wrong-certificate');
  const { primaryThumbprint, secondaryThumbprint } = device.authentication;
  const known = [primaryThumbprint, secondaryThumbprint].some((text) => {
    const wanted = fromHex(text) ?? new Uint8Array();
    const shown = createHash(wanted.length === 20 ? 'sha1' : 'sha256')
      .update(der)
      .digest();
    return wanted.length === shown.length && timingSafeEqual(wanted, shown);
  });
  if (!known) return refused('wrong-certificate');
  return withinValidity(der, nowMs) ? admitted(undefined) : refused('expired');
}

function withinValidity(der: Uint8Array, nowMs: number): boolean {
  const read = readCertificate(der);
  if (!read.ok) return false;
  const skewMs = sasSkewS * 1000;
  return read.value.notBeforeMs - skewMs <= nowMs && nowMs <= read.value.notAfterMs + skewMs;
}
