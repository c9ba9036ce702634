import { IconPuzzle } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { queryClient, sessionQuery } from "@/api/queries";
import type { Camera } from "@/api/types";
import { tellFailure } from "@/parts/notices";
import { Empty, Failure, Loading } from "@/parts/states";
import { ModuleRow } from "./ModuleRow";
import { cameraModulesQuery, modulesQuery, putModule } from "./modules";

/** All modules, and whether they look at this camera. */
export function Modules({ camera }: { camera: Camera }) {
  const { t } = useTranslation();
  const admin = useQuery(sessionQuery).data?.user.role === "admin";
  const here = useQuery(cameraModulesQuery(camera.id));
  const known = useQuery(modulesQuery).data ?? [];
  const put = useMutation({
    mutationFn: (module: Parameters<typeof putModule>[1]) => putModule(camera.id, module),
    onSuccess: ({ modules }) => {
      queryClient.setQueryData(cameraModulesQuery(camera.id).queryKey, modules);
      void queryClient.invalidateQueries({ queryKey: modulesQuery.queryKey, exact: true });
    },
    onError: tellFailure,
  });
  if (here.isPending) return <Loading rows={4} height={92} />;
  if (here.data === undefined) return <Failure error={here.error} retry={() => void here.refetch()} />;
  if (here.data.length === 0)
    return <Empty icon={IconPuzzle} title={t("ai.noModules")} hint={t("ai.noModulesHint")} />;
  return (
    <ul className="hc-modules">
      {here.data.map((module) => (
        <ModuleRow
          key={module.name}
          module={module}
          info={known.find((one) => one.name === module.name)}
          mayChange={admin}
          saving={put.isPending && put.variables.name === module.name}
          put={(enabled, schedule) => put.mutateAsync({ name: module.name, enabled, schedule })}
        />
      ))}
    </ul>
  );
}
