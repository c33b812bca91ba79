import { describe, expect, it } from 'vitest';
import { bytesOf } from './service-target.ts';

describe('a file that a call is given', () => {
  it('is refused when it would never end', async () => {
    expect(await bytesOf('/dev/zero')).toMatchObject({
      fault: { code: 'file-unreadable', say: 'The file /dev/zero cannot be read: it is not a regular file.' },
    });
  });
});
