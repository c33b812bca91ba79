/**
 * The example of docs/drivers.md as a board: it echoes, makes one key, signs requests with it, keeps one chain and shows it
 * again. Ctrl-C lets go of whatever was typed and not ended.
 */
import { fromUtf8, utf8 } from '../../src-main/lib/base/bytes.ts';
import { must } from '../../src-main/lib/base/result.ts';
import type { ByteStream } from '../../src-main/lib/base/stream.ts';
import { createCsr } from '../../src-main/lib/x509/csr.ts';
import { generateKey, signingKeyFromPkcs8 } from '../../src-main/lib/x509/keys.ts';
import { toPem } from '../../src-main/lib/x509/pem.ts';

export interface ScriptedBoard {
  /** PKCS#8 DER, and PEM: what its flash keeps. */
  readonly flash: { key?: Uint8Array; chain?: string };
  /** What was typed and not ended: it has no effect yet. */
  readonly typed: string;
  /** It gets power. `alive` does what it does while it has power. */
  serve(stream: ByteStream, alive?: <T>(work: () => Promise<T>) => Promise<T>): void;
}

const prompt = 'board>';
const [cancel, endOfText] = ['\u0003', '\u0004'];

/** @param onKept told of every key (DER SubjectPublicKeyInfo, in hex) and chain (PEM) that it keeps */
export function scriptedBoard(
  serialNumber: string,
  onKept: (what: 'key' | 'chain', content: string) => void = () => undefined,
): ScriptedBoard {
  const flash: ScriptedBoard['flash'] = {};
  let typed = '';
  const makeKey = async (): Promise<string> => {
    const { key, privateKey } = await generateKey('p256');
    flash.key = privateKey;
    onKept('key', Buffer.from(key.publicKey).toString('hex'));
    return '';
  };
  const request = async (name: string): Promise<string> => {
    if (flash.key === undefined) return 'error: no key\r\n';
    const csr = must(await createCsr(name, must(signingKeyFromPkcs8(flash.key))));
    return toPem('CERTIFICATE REQUEST', csr).replaceAll('\n', '\r\n');
  };
  const plain: Readonly<Record<string, () => string>> = {
    '': () => '',
    hello: () => 'hello\r\n',
    info: () => `revision B\r\nfirmware 1.4.0\r\nserial ${serialNumber}\r\n`,
    'cert show': () => flash.chain?.replaceAll('\n', '\r\n') ?? '',
  };
  const run = async (line: string): Promise<string> => {
    if (line === 'key new p256') return makeKey();
    if (line.startsWith('csr ')) return request(line.slice(4));
    return plain[line]?.() ?? `error: no command ${line}\r\n`;
  };
  return {
    flash,
    get typed() {
      return typed;
    },
    serve(stream, alive = (work) => work()) {
      typed = '';
      let chain: string | undefined;
      const answer = (line: string): Promise<string> => alive(() => run(line));
      const keep = (): void => {
        flash.chain = chain?.trimStart() ?? '';
        onKept('chain', flash.chain);
        chain = undefined;
      };
      const takeOfChain = (character: string): string | undefined => {
        if (character === endOfText) {
          keep();
          typed = '';
          return `\r\n${prompt}`;
        }
        chain = `${chain ?? ''}${character === '\r' ? '' : character}`;
        typed = `${chain.length} of a chain`;
        return character === '\n' ? '\r\n' : character === '\r' ? undefined : character;
      };
      /** What one character does; undefined: nothing to say yet. */
      const take = async (character: string): Promise<string | undefined> => {
        if (character === cancel) {
          [typed, chain] = ['', undefined];
          return `^C\r\n${prompt}`;
        }
        if (chain !== undefined) return takeOfChain(character);
        if (character !== '\n') {
          typed += character;
          return character === '\r' ? undefined : character;
        }
        const line = typed.trim();
        typed = '';
        if (line !== 'cert write') return `\r\n${await answer(line)}${prompt}`;
        chain = '';
        return '\r\n';
      };
      let work = Promise.resolve();
      stream.onData((bytes) => {
        const text = fromUtf8(bytes) ?? '';
        work = work.then(() =>
          alive(async () => {
            let said = '';
            for (const character of text) said += (await take(character)) ?? '';
            if (said !== '') await stream.write(utf8(said));
          }),
        );
      });
    },
  };
}
