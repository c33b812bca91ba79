// What a pure room may use of its host: text coding and cancellation, nothing that reaches the outside.
// Only tsconfig.pure.json includes this file; everywhere else the host's own types say the same.

declare class TextEncoder {
  encode(text: string): Uint8Array<ArrayBuffer>;
}

declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean });
  decode(bytes: Uint8Array): string;
}
