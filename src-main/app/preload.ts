import { contextBridge, ipcRenderer } from 'electron';
import { BRIDGE_CHANNEL, PRELOAD_GLOBAL } from '#shared/contract/preload.ts';
import type { HostEnvelope, PageEnvelope, PreloadPort } from '#shared/contract/preload.ts';

/**
 * Runs in a sandboxed, isolated world before the page's own scripts. It hands the page a pipe and nothing else:
 * the page can name neither a channel nor a sender, and what it sends is checked by the host, not here.
 */
function expose(document: string): void {
  const listeners = new Set<(message: unknown) => void>();
  const post = (envelope: PageEnvelope): void => ipcRenderer.send(BRIDGE_CHANNEL, envelope);

  ipcRenderer.on(BRIDGE_CHANNEL, (_event, envelope: HostEnvelope) => {
    if (envelope.document !== document) return;
    for (const listener of listeners) listener(envelope.message);
  });
  post({ document, type: 'open' });

  const port: PreloadPort = {
    send: (message) => post({ document, type: 'message', message }),
    onMessage(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
  contextBridge.exposeInMainWorld(PRELOAD_GLOBAL, port);
}

expose(crypto.randomUUID());
