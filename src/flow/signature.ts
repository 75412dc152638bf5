import { isTrustedSigner } from '../session/signer.ts';
import { readPersonalConfig } from '../git/config-origins.ts';
import { type CheckedSignature, checkSignature, type Signature, UNSIGNED } from '../store/signature.ts';
import type { Loaded } from './load.ts';
import type { Workspace } from './workspace.ts';

export interface Examined {
  signature: Signature;
  /** The user or the system trusts its signer to start commands here (session.trustSigner). */
  trusted: boolean;
}

/** Who signed it, and whether that is enough. */
export async function examine(ws: Workspace, loaded: Loaded): Promise<Examined> {
  const checked = await check(ws, loaded);
  const { status, signer, fingerprint } = checked;
  const trusted = status === 'good' && isTrustedSigner(checked, await trustedSigners(ws));
  return { signature: { status, signer, fingerprint }, trusted };
}

export async function signatureOf(ws: Workspace, loaded: Loaded): Promise<Signature> {
  const { status, signer, fingerprint } = await check(ws, loaded);
  return { status, signer, fingerprint };
}

/** The signature where its signer is trusted, else null. Where nobody is, nothing is looked at. */
export async function trustedSignature(ws: Workspace, loaded: Loaded): Promise<Signature | null> {
  if ((await trustedSigners(ws)).length === 0) return null;
  const { signature, trusted } = await examine(ws, loaded);
  return trusted ? signature : null;
}

/** A file, and a ref outside our grammar, has no context and so no signature. */
async function check(ws: Workspace, { stored }: Loaded): Promise<CheckedSignature> {
  return stored === null ? UNSIGNED : checkSignature(ws.repo, stored);
}

/** The repository's own configuration has no say (attack C21). Set nowhere, as for most, no git is asked. */
async function trustedSigners({ config, repo }: Workspace): Promise<string[]> {
  if (config.getAll('session.trustSigner').length === 0) return [];
  return (await readPersonalConfig(repo.git)).getAll('session.trustSigner');
}
