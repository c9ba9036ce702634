import { IconCompassOff } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { LinkButton } from "@/parts/links";
import { Empty } from "@/parts/states";

export function NotFound() {
  const { t } = useTranslation();
  return (
    <div className="hc-alone">
      <Empty level={1} icon={IconCompassOff} title={t("app.notFound")} hint={t("app.notFoundHint")}>
        <LinkButton to="/live">{t("nav.live")}</LinkButton>
      </Empty>
    </div>
  );
}
