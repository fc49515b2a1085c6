// One step in a run of its own, so that an error is caught and kept instead of thrown back at a caller that may not hear it.
codeunit 50101 "BH Return Step"
{
    TableNo = "BH Return Request";

    trigger OnRun()
    var
        ReturnProcessing: Codeunit "BH Return Processing";
    begin
        case Step of
            'process':
                ReturnProcessing.MakeOrder(Rec);
            'postReceive':
                ReturnProcessing.PostOrder(Rec, true, false);
            'postInvoice':
                ReturnProcessing.PostOrder(Rec, false, true);
            'postReceiveAndInvoice':
                ReturnProcessing.PostOrder(Rec, true, true);
        end;
    end;

    procedure Take(var Request: Record "BH Return Request"; NewStep: Text)
    var
        ReturnProcessing: Codeunit "BH Return Processing";
        ReturnStep: Codeunit "BH Return Step";
    begin
        Commit();
        ReturnStep.SetStep(NewStep);
        if not ReturnStep.Run(Request) then begin
            ReturnProcessing.Fail(Request, GetLastErrorText(), GetLastErrorCode());
            Error(Request."Last Error");
        end;
        Request.Get(Request."Source System", Request."External Id");
    end;

    procedure SetStep(NewStep: Text)
    begin
        Step := NewStep;
    end;

    var
        Step: Text;
}
