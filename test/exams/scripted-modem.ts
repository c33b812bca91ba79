/**
 * A modem that answers as Nordic's AT command reference says (nRF91x1: +CFUN, +CGSN, %KEYGEN, %CMNG), with a real key and
 * a real request; it keeps its credentials as hardware would, also when its line is cut.
 */
import { createHash } from 'node:crypto';
import { fromUtf8, utf8 } from '../../src-main/lib/base/bytes.ts';
import { must } from '../../src-main/lib/base/result.ts';
import type { ByteStream } from '../../src-main/lib/base/stream.ts';
import { createCsr } from '../../src-main/lib/x509/csr.ts';
import { generateKey } from '../../src-main/lib/x509/keys.ts';

export interface ModemFaults {
  /** Repeats what it is sent. */
  readonly echo?: boolean;
  /** Says this before each answer, as modems do unasked. */
  readonly noise?: string;
  /** Goes online again by itself, whatever it is told. */
  readonly staysOnline?: boolean;
  /** Keeps another certificate than it was given. */
  readonly damagesWrites?: boolean;
  /** Answers every write with this. */
  readonly refusesWrites?: string;
  /** The command with this number is not answered any more, nor is any later one. */
  readonly diesAt?: number;
  /** Resolves when the key is to be there. */
  readonly keyWait?: Promise<void>;
  /** Blanks after commas, as early firmware has them. */
  readonly blanks?: boolean;
}

export interface ScriptedModem {
  /** All commands that it heard. */
  readonly heard: readonly string[];
  /** By security tag, then by type: 0 root, 1 client certificate, 2 private key (here: its public one, DER in hex). */
  readonly tags: ReadonlyMap<string, Map<string, string>>;
  /** What was typed and not ended: it has no effect yet. */
  readonly typed: string;
  /** It gets power: online, without error codes, and with what its memory keeps. `alive` does what it does while it has power. */
  serve(stream: ByteStream, faults?: ModemFaults, alive?: <T>(work: () => Promise<T>) => Promise<T>): void;
  put(tag: string, type: string, content: string): void;
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex').toUpperCase();

/** @param onKept told of every credential that it keeps */
export function scriptedModem(
  imei = '352656109480783',
  onKept: (type: string, content: string) => void = () => undefined,
): ScriptedModem {
  const heard: string[] = [];
  const tags = new Map<string, Map<string, string>>();
  let isOnline = true;
  let hasCodes = false;
  let typed = '';
  let live = <T>(work: () => Promise<T>): Promise<T> => work();
  const put = (tag: string, type: string, content: string): void => {
    const held = tags.get(tag) ?? new Map<string, string>();
    tags.set(tag, held.set(type, content));
    onKept(type, content);
  };
  const error = (code: number): string[] => [hasCodes ? `+CME ERROR: ${code}` : 'ERROR'];
  const keygen = async (command: string, faults: ModemFaults): Promise<string[]> => {
    const [, tag = '', name = ''] = /^AT%KEYGEN=(\d+),2,0,"CN=([^"]*)"$/.exec(command) ?? [];
    if (tag === '') return ['ERROR'];
    if (isOnline) return error(518);
    if (tags.get(tag)?.has('2') === true) return error(519);
    await faults.keyWait;
    const { key } = await live(() => generateKey('p256'));
    const csr = must(await live(() => createCsr(name, key)));
    put(tag, '2', Buffer.from(key.publicKey).toString('hex'));
    const cose = Buffer.from('cose signature of the modem').toString('base64url');
    return [`%KEYGEN: "${Buffer.from(csr).toString('base64url')}.${cose}"`, 'OK'];
  };
  const listed = (tag: string, type: string | undefined, blank: string): string[] => {
    const held = [...(tags.get(tag) ?? [])].filter(([one]) => type === undefined || one === type);
    return [...held.map(([one, content]) => `%CMNG: ${tag},${blank}${one},${blank}"${sha256(content)}"`), 'OK'];
  };
  const write = (tag: string, type: string, content: string, faults: ModemFaults): string[] => {
    if (faults.refusesWrites !== undefined) return [faults.refusesWrites];
    put(tag, type, faults.damagesWrites === true ? content.replace('A', 'B') : content);
    return ['OK'];
  };
  const drop = (tag: string, type = ''): string[] => (tags.get(tag)?.delete(type) === true ? ['OK'] : error(513));
  const credentials = (command: string, faults: ModemFaults): string[] => {
    const [, opcode, tag = '', type, content = ''] =
      /^AT%CMNG=(\d)(?:,(\d+))?(?:,(\d+))?(?:,"([\s\S]*)")?$/.exec(command) ?? [];
    if (opcode === '1') return listed(tag, type, faults.blanks === true ? ' ' : '');
    if (isOnline) return error(518);
    if (opcode === '3') return drop(tag, type);
    if (opcode !== '0' || type === undefined || content === '') return ['ERROR'];
    return write(tag, type, content, faults);
  };
  const plain: Readonly<Record<string, readonly string[]>> = {
    AT: ['OK'],
    'AT+CGMM': ['nRF9160-SICA', 'OK'],
    'AT+CGMR': ['mfw_nrf9160_1.3.5', 'OK'],
    'AT+CGSN': [imei, 'OK'],
    'AT+CMEE=1': ['OK'],
    'AT+CFUN=4': ['OK'],
  };
  const answer = async (command: string, faults: ModemFaults): Promise<readonly string[]> => {
    if (command === 'AT+CMEE=1') hasCodes = true;
    if (command === 'AT+CFUN=4') isOnline = faults.staysOnline === true;
    if (command.startsWith('AT%KEYGEN=')) return keygen(command, faults);
    return command.startsWith('AT%CMNG=') ? credentials(command, faults) : (plain[command] ?? ['ERROR']);
  };
  return {
    heard,
    tags,
    put,
    get typed() {
      return typed;
    },
    serve(stream, faults = {}, alive = (work) => work()) {
      [isOnline, hasCodes, typed, live] = [true, false, '', alive];
      let count = 0;
      let work = Promise.resolve();
      const take = async (command: string): Promise<void> => {
        count += 1;
        if (count >= (faults.diesAt ?? Infinity)) return;
        heard.push(command);
        const echo = faults.echo === true ? [...command.split('\n')] : [];
        const noise = faults.noise === undefined ? [] : [faults.noise];
        const lines = [...echo, ...noise, ...(await answer(command, faults))];
        await stream.write(utf8(`${lines.join('\r\n')}\r\n`));
      };
      stream.onData((bytes) => {
        const parts = (typed + (fromUtf8(bytes) ?? '')).split('\r');
        typed = parts.pop() ?? '';
        for (const part of parts) work = work.then(() => alive(() => take(part.trim())));
      });
    },
  };
}
