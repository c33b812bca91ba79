/** The door of lib/serial. */
export { serialFault } from './faults.ts';
export { openPortHost, type PortHost, type PortHostOptions } from './port-host.ts';
export type { PortProfile } from './profile.ts';
export { openPty, ptyTools, type Pty, type PtyOptions, type PtyTool } from './pty.ts';
export { listPorts, openSerialPort, type PortDescription } from './serial-port.ts';
export { listenTcpStreams, openTcpStream, type TcpAddress, type TcpListener } from './tcp-stream.ts';
