export default function tell(): string {
  return 'here';
}
