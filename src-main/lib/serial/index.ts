/** The door of lib/serial. */
export { serialFault } from './faults.ts';
export { type AdapterPort, type CatalogEars, type PortCatalog, createListedCatalog } from './port-catalog.ts';
export type { PortProfile } from './profile.ts';
export { openPortHost } from './port-host.ts';
export { openPty, ptyTools, type PtyTool } from './pty.ts';
export { openSerialPort } from './serial-port.ts';
export { createSystemCatalog } from './sysfs-catalog.ts';
export { listenTcpStreams, openTcpStream } from './tcp-stream.ts';
