import { IconBrain } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { systemQuery } from "@/api/queries";
import { textOr } from "@/i18n";
import { Empty, Failure, Loading } from "@/parts/states";

export function Models() {
  const { t } = useTranslation();
  const system = useQuery(systemQuery);
  if (system.isPending) return <Loading rows={3} />;
  if (system.data === undefined) return <Failure error={system.error} retry={() => void system.refetch()} />;
  const { models } = system.data;
  if (models.length === 0)
    return <Empty icon={IconBrain} title={t("settings.noModels")} hint={t("settings.noModelsHint")} />;
  return (
    <div className="hc-table-wrap">
      <table className="hc-table">
        <thead>
          <tr>
            <th>{t("settings.model")}</th>
            <th>{t("settings.role")}</th>
            <th>{t("settings.licence")}</th>
            <th>{t("settings.state")}</th>
          </tr>
        </thead>
        <tbody>
          {models.map((model) => (
            <tr key={`${model.role}-${model.name}`}>
              <td>
                <strong>{model.name}</strong> <span className="hc-dim hc-num">{model.version}</span>
              </td>
              <td>{textOr(`settings.role_${model.role}`, model.role)}</td>
              <td className="hc-dim">{model.licence}</td>
              <td>
                <span className="hc-pill" data-state={model.ready ? "live" : "disabled"}>
                  <i aria-hidden />
                  {model.ready ? t("settings.ready") : t("settings.notReady")}
                </span>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
