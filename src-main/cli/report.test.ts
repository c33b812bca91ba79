import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stationFolder } from './report.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'report-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

describe('the folder that is reported on', () => {
  it('is refused when no station has worked there, or when it is not there', () => {
    expect(stationFolder(folder)).toMatchObject({
      fault: { code: 'no-station-worked', say: `No station has worked in the folder ${folder}.` },
    });
    expect(stationFolder(join(folder, 'no'))).toMatchObject({ fault: { code: 'data-folder-unusable' } });
  });
});
