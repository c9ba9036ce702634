import { IconKey } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { newToken, REVERSE } from "@/api/dialling";
import { LinkButton } from "@/parts/links";
import { DialCommand } from "./DialCommand";
import { TokenSteps } from "./TokenSteps";

/** A camera that dials out to us. */
export function NewDialling({ begun }: { begun: (yes: boolean) => void }) {
  const { t } = useTranslation();
  return (
    <TokenSteps
      url={REVERSE}
      issue={newToken}
      create={t("dial.create")}
      icon={<IconKey size={16} aria-hidden />}
      ready={(name) => t("dial.ready", { name })}
      show={(camera, made) => <DialCommand camera={camera} made={made} />}
      waits={t("dial.waits")}
      meanwhile={() => (
        <LinkButton to="/cameras" variant="default">
          {t("dial.toList")}
        </LinkButton>
      )}
      begun={begun}
    />
  );
}
