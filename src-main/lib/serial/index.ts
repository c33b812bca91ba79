/** The door of lib/serial. */
export { serialFault, serialFaultTable, type SerialFaultCode } from './faults.ts';
export { openPortHost, type PortHost, type PortHostLimits, type PortHostOptions } from './port-host.ts';
export { defaultBaudRate, type PortProfile } from './profile.ts';
export { openPty, ptyTools, type Pty, type PtyOptions, type PtyTool } from './pty.ts';
export { listPorts, openSerialPort, type PortDescription } from './serial-port.ts';
export { listenTcpStreams, openTcpStream, type TcpAddress, type TcpListener } from './tcp-stream.ts';
