/**
 * A process beside the server that ends what the server began, should the server end without doing so (killed, crashed): process
 * groups are named to it while they run, and when its channel closes the rest of them are killed. It has no other work.
 */
const groups = new Set<number>();

process.on('message', (told: { readonly watch?: number; readonly release?: number }) => {
  if (told.watch !== undefined) groups.add(told.watch);
  if (told.release !== undefined) groups.delete(told.release);
});
process.on('disconnect', () => {
  for (const group of groups) {
    try {
      process.kill(-group, 'SIGKILL');
    } catch {
      // It ended by itself.
    }
  }
  process.exit(0);
});
// Ctrl-C at a terminal is for the server, which then ends its programs in its own way.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
