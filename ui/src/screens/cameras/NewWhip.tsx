import { Alert, Stack } from "@mantine/core";
import { IconAlertTriangle, IconDeviceMobile, IconKey } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { newPublishToken, PUBLISHED, type PublishToken, publishPage, whipUrl } from "@/api/publishing";
import { LinkButton } from "@/parts/links";
import { Copied } from "./DialCommand";
import { TokenSteps } from "./TokenSteps";

const LOOPBACK = new Set(["127.0.0.1", "[::1]", "localhost"]);

/** A camera that a phone, a browser or an encoder publishes. */
export function NewWhip({ begun }: { begun?: (begun: boolean) => void }) {
  const { t } = useTranslation();
  return (
    <TokenSteps
      url={PUBLISHED}
      issue={newPublishToken}
      create={t("publish.create")}
      icon={<IconDeviceMobile size={16} aria-hidden />}
      ready={(name) => t("publish.ready", { name })}
      show={(camera, made) => <PublishLinks camera={camera} made={made} />}
      waits={t("publish.waits")}
      meanwhile={(cameraId) => (
        <LinkButton to="/publish/$cameraId" params={{ cameraId }} variant="default">
          {t("publish.here")}
        </LinkButton>
      )}
      begun={begun}
    />
  );
}

/** A token that was just made, as a link for a phone and as what an encoder wants to be told. */
export function PublishLinks({ camera, made }: { camera: string; made: PublishToken }) {
  const { t } = useTranslation();
  return (
    <Stack gap="md" className="hc-dial">
      <Alert color="orange" variant="light" icon={<IconKey size={18} />} title={t("publish.once")} />
      {!made.publish.listening && (
        <Alert color="red" variant="light" icon={<IconAlertTriangle size={18} />} title={t("publish.closed")}>
          {t("publish.closedHint")}
        </Alert>
      )}
      {LOOPBACK.has(location.hostname) && (
        <Alert color="yellow" variant="light" icon={<IconAlertTriangle size={18} />}>
          {t("publish.local")}
        </Alert>
      )}
      {!window.isSecureContext && (
        <Alert color="yellow" variant="light" icon={<IconAlertTriangle size={18} />}>
          {t("publish.advice.insecure")}
        </Alert>
      )}
      <Copied
        label={t("publish.link")}
        hint={t("publish.linkHint")}
        text={publishPage(location.origin, camera, made.token)}
      />
      <Copied
        label={t("publish.url")}
        hint={t("publish.urlHint", { port: made.publish.port ?? 8555 })}
        text={whipUrl(location.origin, camera)}
      />
      <Copied label={t("publish.token")} text={made.token} />
    </Stack>
  );
}
