/** The frame around every command and response (Part 1, clause 18). */
import { ByteReader, concatBytes, uint16, uint32 } from '../base/bytes.ts';
import { ok, type Result } from '../base/result.ts';
import { rh, st } from './constants.ts';
import { tpmFailed } from './faults.ts';
import { rcSuccess } from './response-code.ts';

/** lib/tpm/types.ts; the largest real ones are about 1 kB. */
const maxBufferBytes = 4_096;

const headerBytes = 10;
const continueSession = 1;

export interface TpmCommand {
  readonly code: number;
  readonly handles?: readonly number[];
  /** Handles of the sessions that authorise, in order; `password` stands for an empty password. */
  readonly sessions?: readonly (number | 'password')[];
  readonly parameters?: readonly Uint8Array[];
  /** Whether the response carries a handle before its parameters. */
  readonly givesHandle?: boolean;
}

export interface TpmResponse {
  readonly rc: number;
  /** 0 where the command gives none. */
  readonly handle: number;
  readonly parameters: ByteReader;
}

export function encodeCommand(command: TpmCommand): Uint8Array<ArrayBuffer> {
  const { handles = [], sessions = [], parameters = [] } = command;
  const authorisations = concatBytes(...sessions.map(encodeSession));
  const body = concatBytes(
    ...handles.map(uint32),
    ...(sessions.length === 0 ? [] : [uint32(authorisations.length), authorisations]),
    ...parameters,
  );
  const tag = sessions.length === 0 ? st.noSessions : st.sessions;
  return concatBytes(uint16(tag), uint32(headerBytes + body.length), uint32(command.code), body);
}

/** TPMS_AUTH_COMMAND: no nonce and no HMAC, since neither our password nor our policy session needs one. */
function encodeSession(session: number | 'password'): Uint8Array<ArrayBuffer> {
  const handle = session === 'password' ? rh.password : session;
  const attributes = session === 'password' ? 0 : continueSession;
  return concatBytes(uint32(handle), uint16(0), Uint8Array.of(attributes), uint16(0));
}

export function decodeResponse(bytes: Uint8Array, command: TpmCommand): Result<TpmResponse> {
  const reader = new ByteReader(bytes);
  const tag = reader.uint16();
  const size = reader.uint32();
  const rc = reader.uint32();
  if (tag === undefined || size === undefined || rc === undefined) return malformed('shorter than a header');
  if (size !== bytes.length || size > maxBufferBytes) return malformed('wrong size');
  if (rc !== rcSuccess) return ok({ rc, handle: 0, parameters: new ByteReader(new Uint8Array(0)) });
  const wantTag = (command.sessions ?? []).length === 0 ? st.noSessions : st.sessions;
  return tag === wantTag ? decodeSuccess(reader, command) : malformed('wrong tag');
}

function decodeSuccess(reader: ByteReader, command: TpmCommand): Result<TpmResponse> {
  const handle = command.givesHandle === true ? reader.uint32() : 0;
  if (handle === undefined) return malformed('no handle');
  if ((command.sessions ?? []).length === 0) return ok({ rc: rcSuccess, handle, parameters: reader });
  const length = reader.uint32();
  const parameters = length === undefined ? undefined : reader.take(length);
  if (parameters === undefined) return malformed('parameters cut short');
  return ok({ rc: rcSuccess, handle, parameters: new ByteReader(parameters) });
}

function malformed(what: string): Result<never> {
  return tpmFailed('tpm-response-malformed', { what });
}
