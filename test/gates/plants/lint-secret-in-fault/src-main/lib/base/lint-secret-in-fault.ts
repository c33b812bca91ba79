type Make = (code: string, detail: Record<string, string>) => object;

export function reject(keyFault: Make, found: { readonly password: string }): object {
  return keyFault('rejected', { used: found.password });
}
