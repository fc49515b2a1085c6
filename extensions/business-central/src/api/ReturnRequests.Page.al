page 50101 "BH API Return Requests"
{
    PageType = API;
    APIPublisher = 'backhaul';
    APIGroup = 'returns';
    APIVersion = 'v1.0';
    EntityName = 'returnRequest';
    EntitySetName = 'returnRequests';
    SourceTable = "BH Return Request";
    ODataKeyFields = SystemId;
    Extensible = false;
    DelayedInsert = true;
    DeleteAllowed = false;

    layout
    {
        area(Content)
        {
            repeater(Records)
            {
                field(id; Rec.SystemId) { Editable = false; }
                field(sourceSystem; Rec."Source System") { }
                field(externalId; Rec."External Id") { }
                field(customerNumber; Rec."Customer No.") { }
                field(externalDocumentNumber; Rec."External Document No.") { }
                field(yourReference; Rec."Your Reference") { }
                field(currencyCode; Rec."Currency Code") { }
                field(postingDate; Rec."Posting Date") { }
                field(documentDate; Rec."Document Date") { }
                field(locationCode; Rec."Location Code") { }
                field(reasonCode; Rec."Reason Code") { }
                field(appliesToInvoiceNumber; Rec."Applies-to Invoice No.") { }
                field(expectedAmountIncludingTax; Rec."Expected Amount Incl. VAT") { }
                field(status; Rec.Status) { Editable = false; }
                field(lastError; Rec."Last Error") { Editable = false; }
                field(errorCode; Rec."Error Code") { Editable = false; }
                field(returnOrderId; Rec."Return Order Id") { Editable = false; }
                field(returnOrderNumber; Rec."Return Order No.") { Editable = false; }
                field(returnReceiptNumber; Rec."Return Receipt No.") { Editable = false; }
                field(creditMemoId; Rec."Credit Memo Id") { Editable = false; }
                field(creditMemoNumber; Rec."Credit Memo No.") { Editable = false; }
                field(totalAmountExcludingTax; Rec.Amount) { Editable = false; }
                field(totalTaxAmount; Rec."VAT Amount") { Editable = false; }
                field(totalAmountIncludingTax; Rec."Amount Including VAT") { Editable = false; }
                field(lastModifiedDateTime; Rec.SystemModifiedAt) { Editable = false; }
                part(returnRequestLines; "BH API Request Lines")
                {
                    EntityName = 'returnRequestLine';
                    EntitySetName = 'returnRequestLines';
                    SubPageLink = "Source System" = field("Source System"), "External Id" = field("External Id");
                }
            }
        }
    }

    trigger OnModifyRecord(): Boolean
    begin
        if not (Rec.Status in [Rec.Status::New, Rec.Status::Failed]) then
            Rec.FieldError(Status);
    end;

    // Says whether a return order could be made, and makes none.
    [ServiceEnabled]
    procedure validate(var ActionContext: WebServiceActionContext)
    var
        ReturnProcessing: Codeunit "BH Return Processing";
    begin
        ReturnProcessing.Validate(Rec);
        Answer(ActionContext);
    end;

    [ServiceEnabled]
    procedure process(var ActionContext: WebServiceActionContext)
    begin
        Take('process', ActionContext);
    end;

    [ServiceEnabled]
    procedure postReceive(var ActionContext: WebServiceActionContext)
    begin
        Take('postReceive', ActionContext);
    end;

    [ServiceEnabled]
    procedure postInvoice(var ActionContext: WebServiceActionContext)
    begin
        Take('postInvoice', ActionContext);
    end;

    [ServiceEnabled]
    procedure postReceiveAndInvoice(var ActionContext: WebServiceActionContext)
    begin
        Take('postReceiveAndInvoice', ActionContext);
    end;

    // Lets a request that failed before it had a return order be changed and processed again.
    [ServiceEnabled]
    procedure retry(var ActionContext: WebServiceActionContext)
    begin
        Rec.TestField(Status, Rec.Status::Failed);
        Rec.Status := Rec.Status::New;
        Rec."Last Error" := '';
        Rec."Error Code" := '';
        Rec.Modify();
        Answer(ActionContext);
    end;

    local procedure Take(Step: Text; var ActionContext: WebServiceActionContext)
    var
        ReturnStep: Codeunit "BH Return Step";
    begin
        ReturnStep.Take(Rec, Step);
        Answer(ActionContext);
    end;

    local procedure Answer(var ActionContext: WebServiceActionContext)
    begin
        ActionContext.SetObjectType(ObjectType::Page);
        ActionContext.SetObjectId(Page::"BH API Return Requests");
        ActionContext.AddEntityKey(Rec.FieldNo(SystemId), Rec.SystemId);
        ActionContext.SetResultCode(WebServiceActionResultCode::Updated);
    end;
}
