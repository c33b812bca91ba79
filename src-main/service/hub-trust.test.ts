import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { must } from '../lib/base/result.ts';
import { hubRoots } from './hub-trust.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hub-trust-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const [one = '', two = ''] = rootCertificates;

describe('the roots for hubs', () => {
  it('are the own authority and those of Node, and all of the file that is named', async () => {
    const file = join(folder, 'roots.pem');
    writeFileSync(file, `of our hubs\n${one}\n${two}\n`);
    const usual = must(await hubRoots('own', undefined));
    expect(usual.split('\n')[0]).toBe('own');
    const more = must(await hubRoots('own', file)).slice(usual.length);
    expect(more.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
  });

  it.each([
    ['no file', undefined, 'ENOENT'],
    ['no certificate', 'HostName=x', 'it holds no certificate'],
    [
      'a broken one',
      `${one}\n-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n`,
      'a certificate in it is broken',
    ],
  ])('are refused with %s', async (_what, text, reason) => {
    const file = join(folder, 'roots.pem');
    if (text !== undefined) writeFileSync(file, text);
    expect(await hubRoots('own', file)).toMatchObject({
      fault: { code: 'hub-ca-file-unusable', detail: { reason } },
    });
  });
});
