/** What a listener sees of a client's certificates, with OpenSSL's as the outside. */
import { X509Certificate } from 'node:crypto';
import { connect, type SecureVersion } from 'node:tls';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { must } from '../../src-main/lib/base/result.ts';
import { listenTls, type Listener } from '../../src-main/lib/listen/tls-server.ts';
import { makeHierarchy, openSsl, type OpenSsl } from './openssl.ts';

let tool: OpenSsl;
let listener: Listener;
const seen: (readonly string[])[] = [];

beforeAll(async () => {
  tool = openSsl();
  makeHierarchy(tool, 'p256');
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc'];
  tool.run('req', ...key, '-subj', '/CN=leaf', '-keyout', 'leaf.key', '-out', 'leaf.csr');
  tool.run('x509', '-req', '-in', 'leaf.csr', '-out', 'leaf.pem', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-days', '9');
  tool.run('ecparam', '-name', 'brainpoolP512r1', '-genkey', '-noout', '-out', 'odd.key');
  tool.run('req', '-x509', '-new', '-key', 'odd.key', '-subj', '/CN=odd', '-days', '9', '-out', 'odd.pem');
  tool.run('req', '-x509', ...key, '-subj', '/CN=door', '-keyout', 'door.key', '-out', 'door.pem', '-days', '9');
  const credential = { certificatePem: text('door.pem'), privateKeyPem: text('door.key') };
  listener = must(
    await listenTls({
      host: '127.0.0.1',
      port: 0,
      credential,
      accept(socket, peer) {
        seen.push(peer.certificates.map((der) => new X509Certificate(der).subject));
        socket.end();
      },
    }),
  );
});
afterAll(async () => {
  await listener.close();
  tool.remove();
});

const text = (file: string): string => tool.get(file).toString();

/** Presents these; gives the error that the client saw, if any. */
function present(files: readonly string[], version: SecureVersion): Promise<string | undefined> {
  const cert = files.map((file) => text(`${file}.pem`)).join('');
  const identity = { cert, key: text(`${files[0] ?? ''}.key`) };
  const versions = { minVersion: version, maxVersion: version };
  return new Promise((resolve) => {
    const socket = connect({
      host: '127.0.0.1',
      port: listener.port,
      rejectUnauthorized: false,
      ...identity,
      ...versions,
    });
    let failure: string | undefined;
    socket.on('error', (error: Error) => {
      failure = error.message;
    });
    socket.on('close', () => {
      resolve(failure);
    });
    socket.resume();
  });
}

const subjects: Readonly<Record<string, string>> = {
  leaf: 'CN=leaf',
  ca: 'CN=Outside Intermediate',
  root: 'CN=Outside Root',
  odd: 'CN=odd',
};

it.each([
  [['leaf', 'ca', 'root']],
  [['leaf', 'root', 'ca']],
  // on a curve that has no NIST name: a reader of Node's own dies of it
  [['leaf', 'odd', 'ca']],
])('every certificate that a client presents is seen, in whatever order: %j', async (files) => {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    seen.length = 0;
    expect(await present(files, version)).toBeUndefined();
    expect(seen).toEqual([files.map((file) => subjects[file])]);
  }
});

it('a client whose own key is on a curve that nobody takes ends its own connection alone', async () => {
  await present(['odd'], 'TLSv1.2');
  await present(['odd'], 'TLSv1.3');
  seen.length = 0;
  expect(await present(['leaf', 'ca'], 'TLSv1.3')).toBeUndefined();
  expect(seen).toHaveLength(1);
});
