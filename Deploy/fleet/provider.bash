# shellcheck shell=bash
# shellcheck disable=SC2153,SC2154 # settings and what `fleet` says of itself
# Where people sign in: an OpenID Connect provider for trying things out, which believes whoever says who they are.
# Sourced by `fleet`.

provider_issuer() { echo "http://127.0.0.1:$PROVIDER_PORT"; }

provider_check() {
  if ! "$SIGN_IN" -c 'import oidc_provider_mock' 2>/dev/null; then
    refuse 69 "$SIGN_IN has no oidc-provider-mock." "Nobody could sign in." \
      "Install it there (pip install oidc-provider-mock), or leave out --sign-in."
  fi
}

# This provider has public clients, but its token endpoint does not let them in; later versions differ in just that.
provider_launch() {
  launch provider - "$SIGN_IN" -c '
from oidc_provider_mock import _app, __main__
_app.AuthorizationCodeGrant.TOKEN_ENDPOINT_AUTH_METHODS = ["none"]
__main__.run()' --port "$PROVIDER_PORT" --token-max-age 120
}

provider_is_up() { listens "$PROVIDER_PORT"; }

# What a relay is told, and the secret that all of them have.
provider_settings() {
  echo "registration = oidc"
  echo "registration.key = $FOLDER/secrets/registration.key"
  echo "oidc.issuer = $(provider_issuer)"
  echo "oidc.client-id = sotto"
}
