import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { pushClientsQuery } from "@/api/pushClients";
import type { Camera } from "@/api/types";
import { LinkButton } from "@/parts/links";

/** In the place of the address: which client pushes this camera. */
export function PushedBy({ camera }: { camera: Camera }) {
  const { t } = useTranslation();
  const list = useQuery(pushClientsQuery).data;
  const client = list?.clients.find((one) => one.camera === camera.id);
  return (
    <section aria-label={t("push.way")}>
      <div className="hc-label">{t("push.way")}</div>
      <p className="hc-text">
        {client !== undefined && <strong>{client.name}. </strong>}
        {list !== undefined && client === undefined
          ? t("push.unlinked", { camera: camera.id })
          : t("push.ofClient")}
      </p>
      <LinkButton to="/settings" search={{ tab: "clients" }} variant="default" mt="xs">
        {t("push.toClients")}
      </LinkButton>
    </section>
  );
}
