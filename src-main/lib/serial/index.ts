/** The door of lib/serial. */
export { serialFault } from './faults.ts';
export { openPortHost } from './port-host.ts';
export { openPty, ptyTools, type PtyTool } from './pty.ts';
export { listPorts, openSerialPort } from './serial-port.ts';
export { listenTcpStreams, openTcpStream } from './tcp-stream.ts';
