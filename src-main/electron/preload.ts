/** What the page can reach: it may ask, and it may listen. Who asks what is checked on the other side. */
import { contextBridge, ipcRenderer } from 'electron';
import type { callChannel, eventChannel } from './channels.ts';

// A preload for the sandbox is one file: the names are typed from channels.ts, not imported from it.
const asks: typeof callChannel = 'station:call';
const hears: typeof eventChannel = 'station:event';

contextBridge.exposeInMainWorld('station', {
  call: (name: string, payload: unknown): Promise<unknown> => ipcRenderer.invoke(asks, name, payload),
  listen: (listener: (message: unknown) => void): (() => void) => {
    const hear = (_event: unknown, message: unknown): void => {
      listener(message);
    };
    ipcRenderer.on(hears, hear);
    return () => {
      ipcRenderer.off(hears, hear);
    };
  },
});
