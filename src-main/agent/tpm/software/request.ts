/** A command as the software TPM sees it (Part 1, clause 18; Part 3, clause 5). */
import { ByteReader, concatBytes, uint16, uint32 } from '../../../lib/base/bytes.ts';
import { st } from '../../../lib/tpm/constants.ts';
import { readSized, sized } from '../../../lib/tpm/wire.ts';
import { rc } from './rc.ts';

export interface Authorisation {
  readonly session: number;
  readonly attributes: number;
  /** The password, where the session is TPM_RS_PW. */
  readonly secret: Uint8Array;
}

export interface Request {
  readonly handles: readonly number[];
  readonly authorisations: readonly Authorisation[];
  readonly parameters: ByteReader;
}

export interface Reply {
  readonly rc: number;
  readonly handle?: number;
  readonly parameters?: Uint8Array;
}

export function refuse(code: number): Reply {
  return { rc: code };
}

export function answer(...parts: readonly Uint8Array[]): Reply {
  return { rc: rc.success, parameters: concatBytes(...parts) };
}

export interface Header {
  readonly tag: number;
  readonly code: number;
  readonly body: ByteReader;
}

export function readHeader(command: Uint8Array): Header | number {
  const body = new ByteReader(command);
  const tag = body.uint16();
  const size = body.uint32();
  const code = body.uint32();
  if (tag !== st.noSessions && tag !== st.sessions) return rc.badTag;
  if (size !== command.length || code === undefined) return rc.commandSize;
  return { tag, code, body };
}

/** The request, or the code of what is wrong with it. */
export function readRequest(header: Header, handleCount: number, authorisedCount: number): Request | number {
  const handles: number[] = [];
  for (let at = 0; at < handleCount; at += 1) {
    const handle = header.body.uint32();
    if (handle === undefined) return rc.insufficient | (at << 8);
    handles.push(handle);
  }
  const authorisations = header.tag === st.sessions ? readAuthorisations(header.body) : [];
  if (typeof authorisations === 'number') return authorisations;
  if (authorisations.length < authorisedCount) return rc.authMissing;
  return { handles, authorisations, parameters: header.body };
}

// Part 1, clause 18.7: at most three sessions in a command.
const maxAuthorisations = 3;

function readAuthorisations(body: ByteReader): Authorisation[] | number {
  const size = body.uint32();
  const area = size === undefined ? undefined : body.take(size);
  if (area === undefined) return rc.authSize;
  const reader = new ByteReader(area);
  const authorisations: Authorisation[] = [];
  while (reader.remaining > 0 && authorisations.length < maxAuthorisations) {
    const session = reader.uint32();
    const nonce = readSized(reader);
    const attributes = reader.uint8();
    const secret = readSized(reader);
    if (session === undefined || nonce === undefined || attributes === undefined) return rc.authSize;
    if (secret === undefined) return rc.authSize;
    authorisations.push({ session, attributes, secret });
  }
  return reader.remaining > 0 || authorisations.length === 0 ? rc.authSize : authorisations;
}

export function encodeReply(reply: Reply, authorisations: readonly Authorisation[]): Uint8Array {
  if (reply.rc !== rc.success) return frame(st.noSessions, reply.rc);
  const handle = reply.handle === undefined ? new Uint8Array(0) : uint32(reply.handle);
  const parameters = reply.parameters ?? new Uint8Array(0);
  if (authorisations.length === 0) return frame(st.noSessions, reply.rc, handle, parameters);
  const acknowledged = authorisations.map(({ attributes }) => concatBytes(sized(), Uint8Array.of(attributes), sized()));
  return frame(st.sessions, reply.rc, handle, uint32(parameters.length), parameters, ...acknowledged);
}

function frame(tag: number, code: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const body = concatBytes(...parts);
  return concatBytes(uint16(tag), uint32(10 + body.length), uint32(code), body);
}
