/** Percent-encoding as strangers write it. */

/** Decoded once; undefined when there is nothing, or it is not well encoded. */
export function decodedOnce(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  // most names have nothing to decode
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
