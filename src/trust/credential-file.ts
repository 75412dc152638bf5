/**
 * Untracked files that usually hold credentials and so are never taken into a snapshot (attacks.md C25).
 * By name only: what a file holds is looked at elsewhere. Reasons are stored, so they are stable.
 */
const RULES: readonly (readonly [reason: string, pattern: RegExp])[] = [
  ['env-file', /(?:^|\/)\.env(?:rc)?(?:[._-][^/]*)?$/u],
  ['env-file', /(?:^|\/)[^/]+\.env$/u],
  ['env-file', /(?:^|\/)\.(?:dev|prod)\.vars$/u],
  ['ssh-key', /(?:^|\/)id_(?:rsa|dsa|ecdsa|ed25519|xmss)(?:_sk)?(?:[._-][^/]*)?$/u],
  ['ssh-key', /(?:^|\/)ssh_host_[^/]*_key$/u],
  ['ssh-key', /(?:^|\/)\.ssh\/(?!known_hosts|authorized_keys|config$|environment$|rc$)[^/]+$/u],
  ['private-key', /\.(?:pem|key|p8|p12|pfx|ppk|jks|keystore|bcfks|pkcs12|ovpn|age-key)$/u],
  ['private-key', /(?:^|\/)(?:secring\.gpg|private-keys-v1\.d\/[^/]+)$/u],
  ['password-store', /\.(?:kdbx?|agilekeychain|opvault|psafe3)$/u],
  ['password-store', /(?:^|\/)(?:login|user)\.keychain(?:-db)?$/u],
  ['registry-credentials', /(?:^|\/)\.(?:npmrc|pypirc|dockercfg|yarnrc)$/u],
  ['registry-credentials', /(?:^|\/)\.docker\/config\.json$/u],
  ['registry-credentials', /(?:^|\/)\.(?:cargo|gem)\/credentials(?:\.toml)?$/u],
  ['registry-credentials', /(?:^|\/)\.m2\/settings(?:-security)?\.xml$/u],
  [
    'login-file',
    /(?:^|\/)(?:[._]netrc|\.git-credentials|\.pgpass|\.my\.cnf|\.mylogin\.cnf|\.htpasswd|htpasswd)$/u,
  ],
  ['login-file', /(?:^|\/)\.config\/(?:gh\/hosts|glab-cli\/config)\.ya?ml$/u],
  ['cloud-credentials', /(?:^|\/)\.aws\/(?:credentials|sso\/cache\/[^/]+|cli\/cache\/[^/]+)$/u],
  ['cloud-credentials', /(?:^|\/)(?:application_default_)?credentials(?:\.[^/]*)?\.json$/u],
  [
    'cloud-credentials',
    /(?:^|\/)(?:service[-_]?accounts?|client_secrets?|gha-creds-|firebase-adminsdk)[^/]*\.json$/u,
  ],
  ['cloud-credentials', /(?:^|\/)[^/]*-firebase-adminsdk-[^/]*\.json$/u],
  [
    'cloud-credentials',
    /(?:^|\/)(?:\.boto|\.s3cfg|\.terraformrc|\.vault-token|\.clasprc\.json|local\.settings\.json|credentials\.tfrc\.json)$/u,
  ],
  ['kubernetes-config', /(?:^|\/)(?:kubeconfig|[^/]*\.kubeconfig|kubeconfig[._-][^/]*|\.kube\/config)$/u],
  ['terraform-state', /\.tfstate(?:\.[^/]*)?$/u],
  ['terraform-variables', /\.tfvars(?:\.json)?$/u],
  ['secrets-file', /(?:^|\/)[^/]*secrets?\.(?:ya?ml|json|toml|ini|env|properties)$/u],
  ['secrets-file', /(?:^|\/)wp-config\.php$/u],
  ['shell-history', /(?:^|\/)\.[^/]*_history$/u],
];

/** Made to be shared: examples, public keys. */
const HARMLESS =
  /[._-](?:example|sample|template|tmpl|tpl|dist|defaults?|schema|pub|enc|sops|gpg\.asc)(?:\.(?:ya?ml|json|toml|env|tfvars))?$|(?:^|\/)(?:example|sample|template)\.env$/u;

/** Why the file of that path is left out, or null. */
export function looksLikeCredentialFile(path: Uint8Array | string): string | null {
  const text = (typeof path === 'string' ? path : Buffer.from(path).toString('latin1')).toLowerCase();
  if (HARMLESS.test(text)) return null;
  return RULES.find(([, pattern]) => pattern.test(text))?.[0] ?? null;
}
