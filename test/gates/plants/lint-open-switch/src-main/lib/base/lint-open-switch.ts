export function word(verdict: 'pass' | 'fail' | 'error'): string {
  switch (verdict) {
    case 'pass':
      return 'PASS';
    case 'fail':
      return 'FAIL';
  }
  return '';
}
