import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock, systemRandom } from '../lib/base/host.ts';
import { silentLog } from '../lib/base/log.ts';
import { must } from '../lib/base/result.ts';
import { openDatabase } from '../lib/sqlite/database.ts';
import { claimFile } from '../lib/sqlite/file-claim.ts';
import { freshIdentity } from './core/access.ts';
import { parseServiceOptions } from './options.ts';
import { startService } from './service.ts';
import { openSqliteStore } from './store/sql-store.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'service-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

it('takes a server key of two kinds, RSA when it is told none', () => {
  const needed = ['--data', folder, '--ready-file', join(folder, 'ready.json')];
  expect(must(parseServiceOptions(needed)).tlsKey).toBe('rsa');
  expect(must(parseServiceOptions([...needed, '--tls-key', 'p256'])).tlsKey).toBe('p256');
  expect(parseServiceOptions([...needed, '--tls-key', 'dsa'])).toMatchObject({
    fault: { code: 'service-option-wrong' },
  });
});

describe('a service without a place for its records', () => {
  it('does not start on a file, and says so', async () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    const options = must(parseServiceOptions(['--data', file, '--ready-file', join(folder, 'ready.json')]));
    const started = await startService(options, { clock: systemClock, random: systemRandom, log: silentLog });
    expect(started).toMatchObject({ ok: false, fault: { code: 'store-failed', detail: { cause: 'EEXIST' } } });
  });

  it('does not start beside another one on its folder', async () => {
    const claim = must(await claimFile(join(folder, 'lock.db'), { clock: systemClock, limitMs: 0 }));
    const options = must(parseServiceOptions(['--data', folder, '--ready-file', join(folder, 'ready.json')]));
    let nowMs = 0;
    const hasty = { ...systemClock, monotonicMs: () => (nowMs += 10_000) };
    const started = await startService(options, { clock: hasty, random: systemRandom, log: silentLog });
    expect(started).toMatchObject({ ok: false, fault: { code: 'data-folder-in-use' } });
    claim.release();
  });

  it('lets go of its file when it is closed, also one that was never asked', async () => {
    const file = join(folder, 'service.sqlite');
    await must(openSqliteStore(must(openDatabase({ file, sole: true })))).close();
    const again = openDatabase({ file, sole: true, busyTimeoutMs: 0 });
    expect(again.ok).toBe(true);
    must(again).close();
  });

  it('tells of a full disk', async () => {
    const database = must(openDatabase({ file: join(folder, 'service.sqlite') }));
    const store = must(openSqliteStore(database));
    database.driver.pragma('max_page_count = 2');
    const fresh = { ...freshIdentity(systemRandom), filler: 'x'.repeat(100_000) };
    expect(await store.loadOrCreateIdentity(fresh)).toMatchObject({
      ok: false,
      fault: { code: 'store-failed', detail: { cause: 'database-full' } },
    });
    await store.close();
  });
});
