import { describe, expect, test } from 'vitest';
import { looksLikeCredentialFile } from '../../src/trust/credential-file.ts';

const list = (text: string): string[] => text.trim().split(/\s+/u);

describe('C25 untracked files that are left out', () => {
  test.each(
    list(`.env .env.local app/.env.production .ENV .envrc prod.env .dev.vars id_rsa keys/id_ed25519 id_ecdsa_sk id_rsa.bak
      id_rsa_work server.pem tls.key cert.p12 x.pfx app.keystore app.jks .npmrc web/.npmrc .pypirc .netrc _netrc .git-credentials
      credentials.json service-account.json service-account-prod.json service_account.json .htpasswd vault.kdbx .aws/credentials
      home/.docker/config.json kubeconfig .kube/config dev.kubeconfig secrets.yml secrets.yaml k8s/db-secret.yaml secrets.json
      terraform.tfstate terraform.tfstate.backup prod.tfvars prod.auto.tfvars.json .pgpass .my.cnf .vault-token client_secret_1.json
      application_default_credentials.json AuthKey_1.p8 my.ppk .bash_history .ssh/deploy config/master.key .cargo/credentials.toml
      .m2/settings.xml wp-config.php vpn.ovpn .config/gh/hosts.yml`),
  )('%s', (path) => {
    expect(looksLikeCredentialFile(path)).toMatch(/^[a-z-]{1,64}$/u);
    expect(looksLikeCredentialFile(Buffer.from(path))).not.toBeNull();
  });

  test.each(
    list(`.env.example .env.sample .env.template .env.dist .env.local.example app/.env.example id_rsa.pub id_ed25519.pub
      src/environment.ts .environment env envoy.yaml key.ts keys.md monkey.txt package.json config.json .docker/Dockerfile
      credentials.ts secrets.md src/secret.ts tokens.json .ssh/config .ssh/known_hosts terraform.tf vars.tf
      prod.tfvars.example secrets.yaml.example secrets.enc.yaml.sops .eslintrc .gitignore README.md .env/bin/python example.env
      history.txt pem/readme service.json account.json serviceworker.json history`),
  )('%s is taken', (path) => {
    expect(looksLikeCredentialFile(path)).toBeNull();
  });

  test('a path that is no UTF-8', () => {
    expect(looksLikeCredentialFile(Buffer.from([0xff, 0x2f, ...Buffer.from('.env')]))).toBe('env-file');
    expect(looksLikeCredentialFile(Buffer.from([0xff]))).toBeNull();
  });
});
