/** Where one hub keeps its cloud-to-device messages, in order and on disk. */
import type { Result } from '../lib/base/result.ts';
import type { CloudMessage } from './cloud-message.ts';

export type NewCloudMessage = Omit<CloudMessage, 'sequence' | 'deliveryCount'>;

export type WaitingMessage = Pick<CloudMessage, 'sequence' | 'deliveryCount' | 'expiresMs'>;

export interface CloudMessageReader {
  count(deviceId: string): number;
  /** In the order of delivery, without the payloads' weight. */
  waiting(deviceId: string): readonly WaitingMessage[];
  get(deviceId: string, sequence: number): CloudMessage | undefined;
}

export interface CloudMessageWriter extends CloudMessageReader {
  deviceExists(deviceId: string): boolean;
  /** Gives its sequence number. */
  add(deviceId: string, message: NewCloudMessage): number;
  noteDelivery(deviceId: string, sequence: number): void;
  remove(deviceId: string, sequence: number): void;
  /** Gives how many there were. */
  removeAll(deviceId: string): number;
}

export interface CloudMessageStore {
  read<T>(look: (messages: CloudMessageReader) => T): Result<T>;
  /** Committed and on disk when this returns; a failed result or a throw leaves nothing behind. */
  write<T>(change: (messages: CloudMessageWriter) => Result<T>): Result<T>;
}
