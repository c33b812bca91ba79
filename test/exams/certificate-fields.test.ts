/** Odd certificates, made by openssl: what we read of them is what the general parser and openssl read. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { timeOf } from '../../src-main/lib/base/host.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { readCertificate } from '../../src-main/lib/x509/certificate.ts';
import { certificatesFromPem } from '../../src-main/lib/x509/pem.ts';
import { compareReaders, factsOf, straightFields } from './certificate-facts.ts';
import { openSsl, type OpenSsl } from './openssl.ts';

let tool: OpenSsl;
beforeAll(() => {
  tool = openSsl();
  tool.put('bare.cnf', '[req]\ndistinguished_name=dn\nx509_extensions=none\n[dn]\n[none]\n');
});
afterAll(() => {
  tool.remove();
});

const keys = {
  p256: ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  p384: ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384'],
  p521: ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-521'],
  rsa: ['-newkey', 'rsa:2048'],
  pss: ['-newkey', 'rsa:2048', '-sigopt', 'rsa_padding_mode:pss'],
  ed25519: ['-newkey', 'ed25519'],
} as const;

interface Odd {
  readonly name: string;
  readonly key?: keyof typeof keys;
  readonly subject?: string;
  readonly days?: number;
  readonly words?: readonly string[];
  readonly extensions?: readonly string[];
}

const usual = ['basicConstraints=CA:FALSE', 'keyUsage=digitalSignature', 'extendedKeyUsage=clientAuth'];
const hundred = Array.from({ length: 100 }, (_, at) => `1.3.6.1.4.1.99999.${at}=ASN1:UTF8String:value ${at}`);
const longName = Array.from({ length: 20 }, (_, at) => `/OU=${'x'.repeat(60)}${String(at).padStart(4, '0')}`).join('');

const odd: readonly Odd[] = [
  { name: 'a P-384 key', key: 'p384' },
  { name: 'a P-521 key', key: 'p521' },
  { name: 'an RSA key', key: 'rsa' },
  { name: 'an RSA-PSS signature', key: 'pss' },
  { name: 'an Ed25519 key', key: 'ed25519' },
  { name: 'a long name', subject: `${longName}/CN=${'n'.repeat(64)}` },
  { name: 'a name beyond ASCII', subject: '/O=Bänke \u{1f600}/CN=Prüfstand-7' },
  { name: 'two common names', subject: '/CN=first/CN=second' },
  { name: 'a set of two attributes', subject: '/CN=both+OU=one', words: ['-multivalue-rdn'] },
  {
    name: 'a common name that is no first of its name',
    subject: '/CN=press-17/serialNumber=9/C=DE/emailAddress=a@b.example',
  },
  { name: 'no name', subject: '/' },
  { name: 'no extensions', extensions: [] },
  { name: 'a negative serial number', words: ['-set_serial', '-5'] },
  { name: 'a serial number of 0', words: ['-set_serial', '0'] },
  { name: 'a serial number of 20 bytes', words: ['-set_serial', `0x7f${'ab'.repeat(19)}`] },
  { name: 'a serial number that begins with a high bit', words: ['-set_serial', '0x80'] },
  { name: 'an end after 2050', days: 13_000 },
  { name: 'an end beyond 9000', days: 2_600_000 },
  { name: 'a hundred extensions', extensions: hundred },
  { name: 'an unknown critical extension', extensions: ['1.3.6.1.4.1.99999.1=critical,ASN1:NULL'] },
  {
    name: 'an authority with a path length',
    extensions: ['basicConstraints=critical,CA:TRUE,pathlen:3', 'keyUsage=critical,keyCertSign,cRLSign'],
  },
  {
    name: 'an explicit end entity',
    extensions: ['basicConstraints=CA:FALSE', 'keyUsage=encipherOnly,keyAgreement,decipherOnly'],
  },
  { name: 'many purposes', extensions: ['extendedKeyUsage=critical,clientAuth,serverAuth,codeSigning,1.2.3.4'] },
  { name: 'both key ids', extensions: ['subjectKeyIdentifier=hash', 'authorityKeyIdentifier=keyid:always'] },
  {
    name: 'the issuer as key id',
    extensions: ['subjectKeyIdentifier=hash', 'authorityKeyIdentifier=keyid:always,issuer:always'],
  },
  { name: 'alternative names', extensions: ['subjectAltName=DNS:press-17.example,IP:::1,email:a@b.example'] },
];

function made({ key = 'p256', subject = '/CN=press-17', days = 30, words = [], extensions = usual }: Odd): Uint8Array {
  const added = extensions.flatMap((extension) => ['-addext', extension]);
  const common = ['-config', 'bare.cnf', '-utf8', '-noenc', '-keyout', 'odd.key', '-out', 'odd.pem'];
  tool.run('req', '-x509', ...keys[key], ...common, '-subj', subject, '-days', String(days), ...words, ...added);
  const [der] = certificatesFromPem(tool.get('odd.pem').toString());
  if (der === undefined) throw new Error('openssl made no certificate');
  return der;
}

const shown = (...words: readonly string[]): string => tool.run('x509', '-in', 'odd.pem', '-noout', ...words).trim();
const timeShown = (which: string): number | undefined =>
  timeOf(shown(`-${which}`, '-dateopt', 'iso_8601').replace(/^\w+=/, '').replace(' ', 'T'));

describe('a certificate with', () => {
  it.each(odd)('$name is read as the general parser and openssl read it', (one) => {
    const der = made(one);
    const facts = factsOf(der);
    const read = must(readCertificate(der));
    expect(read).toMatchObject({ ...facts, keyUsage: read.keyUsage });
    expect(read.keyUsage).toBe(facts.keyUsage);
    const fields = straightFields(der);
    if (fields !== undefined) expect(fields).toEqual(facts);
    expect(() => compareReaders(der)).not.toThrow();
    // and so says openssl
    expect([read.notBeforeMs, read.notAfterMs]).toEqual([timeShown('startdate'), timeShown('enddate')]);
    const serial = shown('-serial').replace('serial=', '').toLowerCase();
    if (!serial.startsWith('-'))
      expect(read.serialNumber.replace(/^0+(?=..)/, '')).toBe(serial.replace(/^0+(?=..)/, ''));
    const names = shown('-subject', '-nameopt', 'multiline,utf8,-esc_msb').match(/commonName += .*/g) ?? [];
    expect(read.commonNames).toEqual(names.map((line) => line.replace(/^commonName += /, '')));
    expect(read.isAuthority).toBe(tool.run('x509', '-in', 'odd.pem', '-noout', '-text').includes('CA:TRUE'));
  });

  it('ordinary contents is read without the general parser, with odd ones by it', () => {
    const straight = odd.filter((one) => straightFields(made(one)) !== undefined).map(({ name }) => name);
    for (const name of ['a P-384 key', 'an RSA key', 'an end after 2050', 'both key ids'])
      expect(straight).toContain(name);
    for (const name of ['a negative serial number', 'a set of two attributes']) expect(straight).not.toContain(name);
  });
});
