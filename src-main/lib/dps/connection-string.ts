/** Connection strings of a service or a hub (dps-wire 7.1): who to call, as whom, with which key. */
import { fromBase64 } from '../base/bytes.ts';
import { failed, ok, type Result } from '../base/result.ts';
import { dpsFault } from './faults.ts';

export interface ConnectionString {
  /** Lower case, without the port. */
  readonly host: string;
  /** 443 unless `HostName` carries one. */
  readonly port: number;
  readonly keyName: string;
  /** Base64, as given. A secret: never into a log, a message or a fault. */
  readonly key: string;
}

const defaultPort = 443;

export function parseConnectionString(text: string): Result<ConnectionString> {
  const members = new Map<string, string>();
  for (const part of text.trim().split(';')) {
    const at = part.indexOf('=');
    if (at > 0) members.set(part.slice(0, at).trim().toLowerCase(), part.slice(at + 1).trim());
  }
  const peer = parseHost(members.get('hostname') ?? '');
  const keyName = members.get('sharedaccesskeyname') ?? '';
  const key = members.get('sharedaccesskey') ?? '';
  if (peer === undefined) return missing('HostName is missing or no host name');
  if (keyName === '') return missing('SharedAccessKeyName is missing');
  if (key === '' || fromBase64(key) === undefined) return missing('SharedAccessKey is missing or not base64');
  return ok({ ...peer, keyName, key });
}

function missing(what: string): Result<never> {
  return failed(dpsFault('connection-string-unreadable', { missing: what }));
}

function parseHost(text: string): { readonly host: string; readonly port: number } | undefined {
  const [, host, digits] = /^([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(?::(\d{1,5}))?$/.exec(text) ?? [];
  const port = digits === undefined ? defaultPort : Number(digits);
  return host === undefined || port > 65_535 ? undefined : { host: host.toLowerCase(), port };
}

export function formatConnectionString(parts: ConnectionString): string {
  return `HostName=${hostAndPort(parts)};SharedAccessKeyName=${parts.keyName};SharedAccessKey=${parts.key}`;
}

/** As in a URL or a `HostName`: the port only where it is not the usual one. */
export function hostAndPort(parts: { readonly host: string; readonly port: number }): string {
  return parts.port === defaultPort ? parts.host : `${parts.host}:${parts.port}`;
}
