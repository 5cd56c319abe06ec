// placeholder until merged
export type CertificateFlaw = 'none' | 'untrusted' | 'expired' | 'wrong-name'
export interface Certificates {
  ca: string
  context(flaw: CertificateFlaw): { key: string; cert: string }
}
export async function createCertificates(_options: { hosts?: string[] } = {}): Promise<Certificates> {
  throw new Error('none')
}
