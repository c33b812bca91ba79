/** The openssl tool in a folder of its own: an outside witness for keys, certificates and PKCS#12 files. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface OpenSsl {
  /** Runs `openssl` with these words; throws when it fails. */
  run(...words: readonly string[]): string;
  /** Its exit code and what it said. */
  attempt(...words: readonly string[]): { readonly code: number | null; readonly text: string };
  put(name: string, content: string | Uint8Array): string;
  get(name: string): Buffer;
  readonly path: (name: string) => string;
  remove(): void;
}

export function openSsl(): OpenSsl {
  const folder = mkdtempSync(join(tmpdir(), 'benchline-openssl-'));
  const path = (name: string): string => join(folder, name);
  return {
    run: (...words) =>
      execFileSync('openssl', words, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }),
    attempt(...words) {
      const done = spawnSync('openssl', words, { cwd: folder, encoding: 'utf8' });
      return { code: done.status, text: done.stdout + done.stderr };
    },
    put(name, content) {
      writeFileSync(path(name), content);
      return path(name);
    },
    get: (name) => readFileSync(path(name)),
    path,
    remove: () => {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Makes a root and an intermediate with the tool alone: `root.pem`, `root.key`, `ca.pem`, `ca.key`. */
export function makeHierarchy(tool: OpenSsl, kind: 'p256' | 'rsa2048'): void {
  const key = kind === 'p256' ? ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'] : ['-newkey', 'rsa:2048'];
  const authority = ['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign'];
  const root = ['-subj', '/CN=Outside Root', '-keyout', 'root.key', '-out', 'root.pem', '-days', '100'];
  tool.run('req', '-x509', ...key, '-noenc', ...root, ...authority);
  tool.run('req', ...key, '-noenc', '-subj', '/CN=Outside Intermediate', '-keyout', 'ca.key', '-out', 'ca.csr');
  tool.put('ca.ext', 'basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign\n');
  const signed = ['-CA', 'root.pem', '-CAkey', 'root.key', '-extfile', 'ca.ext', '-days', '50'];
  tool.run('x509', '-req', '-in', 'ca.csr', '-out', 'ca.pem', ...signed);
}
