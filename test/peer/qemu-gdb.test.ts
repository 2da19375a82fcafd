import { describe, expect, it } from 'vitest';
import { measureQemuAgainstGdb } from '#test/figures/qemu-gdb.ts';
import { requirePrograms } from '#test/support/programs.ts';

describe.skipIf(!requirePrograms(['qemu-system-arm', 'gdb-multiarch']))('gdb with the same loader', () => {
  it('writes and reads back the same bytes, and is not quicker than we are', async () => {
    // Both sides compare what they read with what they wrote, or this rejects.
    const { ratio, bytes } = await measureQemuAgainstGdb(5);
    expect(bytes).toBe(231_124);
    expect(ratio).toBeLessThanOrEqual(1);
  });
});
